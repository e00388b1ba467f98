"""Where it runs: the CDK stacks, derived from the contracts."""
