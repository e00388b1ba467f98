"""Commits what is staged: one committer per table, woken by its message group."""
