"""Who plays which part, subject by subject; ``app`` puts the subjects together."""
