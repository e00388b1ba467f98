"""CloudFormation: brings the stacks of a cloud assembly to what their templates say, a small provider a type."""
