"""What Tacker calls its Server Notifier."""
