"""The SQL of contracts' checks: each expression by its types, with one meaning on both engines, or refused."""
