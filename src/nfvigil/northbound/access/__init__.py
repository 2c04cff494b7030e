"""Who is asking: the ways in which a caller is known, and how often one may ask."""
