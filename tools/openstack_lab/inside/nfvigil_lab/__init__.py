"""What the services load by entry point; they find it on their PYTHONPATH."""
