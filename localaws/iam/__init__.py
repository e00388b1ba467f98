"""IAM: who may do what, asked on every call."""
