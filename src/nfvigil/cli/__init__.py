"""The command line: a caller of the API like any other, and the way to start the service."""
