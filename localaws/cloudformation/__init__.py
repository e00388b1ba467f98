"""CloudFormation: deploys the stacks of a cloud assembly, with a small provider for each resource type."""
