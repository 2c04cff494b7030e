"""Who may do what: a rule for each route, in the words of oslo.policy, with defaults that operators override."""
