"""Reads one file at a time: a large one, or one whose reader may have died."""
