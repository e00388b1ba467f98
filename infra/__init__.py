"""The CDK stacks, derived from the contracts."""
