"""The HTTP server and the checks of every request: its origin, its signature, and which AWS call it is."""
