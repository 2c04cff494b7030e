"""ETSI SOL002 and SOL003: VNF fault management, so that what speaks it needs nothing of ours."""
