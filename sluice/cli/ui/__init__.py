"""`sluice ui`: one page that shows where everything is, and needs nothing but a browser."""
