"""What holds for every test: how Hypothesis looks for cases."""

from hypothesis import settings

# A machine may be busy: how long one case takes says nothing about it. A failing case prints how to make it again.
settings.register_profile("sluice", deadline=None, print_blob=True)
settings.load_profile("sluice")
