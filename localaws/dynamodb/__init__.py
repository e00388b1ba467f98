"""DynamoDB: what moto's tables lack."""
