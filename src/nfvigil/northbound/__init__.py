"""The way out: the management API under /v1, who may use it, its description, health and metrics."""
