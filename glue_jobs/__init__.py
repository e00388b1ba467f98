"""What is made of the data: one module per derived table, and the Spark entry point."""
