"""Finds out what files hold: their format, how they are written, their columns' types; and what is odd about values.

`sluice new` and `sluice profile` both stand on it. All reading goes through the readers that ingest files, and a type
is one that their conversions read every value as: what is found here is what a delivery will meet.
"""
