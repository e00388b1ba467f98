"""CloudFormation: brings the stacks of a cloud assembly to what their templates say, one small provider a resource type."""
