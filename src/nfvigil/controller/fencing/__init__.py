"""Fencing: making sure that a host is off, before anything of it is started elsewhere."""
