"""Gold tables: the star schema, and tables that answer questions of people."""
