"""Step Functions: moto's interpreter of the Amazon States Language, switched on and put right."""
