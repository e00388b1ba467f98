"""ShopSphere, the example: an online shop whose files and streams are made up, and the demo that runs on them."""
