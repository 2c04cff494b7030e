"""VNFs that are known to us."""
