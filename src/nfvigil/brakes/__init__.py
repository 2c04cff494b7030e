"""Hold back: what must be true before anything destructive begins."""
