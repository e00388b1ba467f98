"""Speed beside named peers and the physical limit, measured in one run and given as ratios."""
