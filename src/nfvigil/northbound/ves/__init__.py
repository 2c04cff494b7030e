"""The VES agent's API: ONAP's, as its clients know it, and our own."""
