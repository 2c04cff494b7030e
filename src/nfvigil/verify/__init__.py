"""Proves on a real cloud that faults are told in time and set right; makes what it needs, and takes it away."""
