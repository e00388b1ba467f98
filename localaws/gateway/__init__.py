"""The one way in: who may ask, who has signed, what is asked; and the HTTP server under it."""
