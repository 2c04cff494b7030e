"""The VES agent: what is told of a cloud to ONAP's VES collector."""
