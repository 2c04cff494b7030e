"""Who plays which part, subject by subject; ``assembly`` puts the subjects together."""
