"""``sluice demo``: a year of ShopSphere on a local AWS, from files and streams to answers."""
