"""Sluice: a serverless lakehouse for AWS, declared in data contracts and PySpark functions."""
