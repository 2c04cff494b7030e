"""The VES agent at work: what is told of which cloud to which collector, kept and on its way."""
