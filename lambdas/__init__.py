"""How data arrives and is served: one folder per function, each a thin handler."""
