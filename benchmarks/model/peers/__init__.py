"""One module per contender; each builds the model in a process of its own."""
