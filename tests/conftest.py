"""What holds for every test: how Hypothesis looks for cases, and which worker takes what."""

import pytest
from hypothesis import settings

from tests.scheduling import scheduler

# A machine may be busy: how long one case takes says nothing about it. A failing case prints how to make it again.
settings.register_profile("sluice", deadline=None, print_blob=True)
settings.load_profile("sluice")


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    return scheduler(config, log)
