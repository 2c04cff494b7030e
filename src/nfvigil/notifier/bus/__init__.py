"""Endpoints on a cloud's own RabbitMQ, as against webhooks."""
