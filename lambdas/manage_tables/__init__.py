"""Makes and evolves the contracted tables during a deployment."""
