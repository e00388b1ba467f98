"""How the values of a column are read and held: by its type, as its contract spells them, each for itself."""
