"""Converts the values of a column to its type, each value by itself, in the spelling that its contract declares."""
