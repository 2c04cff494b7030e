"""What is asked for beside events, one wish a method: subscribe, acknowledge, instruct, tell of VNFs ..."""
