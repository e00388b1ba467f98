"""Takes up what stands still."""
