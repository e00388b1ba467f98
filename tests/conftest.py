"""What holds for every test: how cases are found, and which worker takes what."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from sluice.transforms import child
from tests.collected import Collecting
from tests.forking import MODULES, UNFORKED, Forked, Server
from tests.laws import ALL, cases, is_law
from tests.scheduling import scheduler

# Where Python is told to keep no bytecode, each worker and each process that a test starts would compile every module
# anew, and pytest rewrite every assertion: half of the time that the fast tests take.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A machine may be busy: how long one case takes says nothing about it. A failing case prints how to make it again.
# Only proofs try other cases each time: otherwise a change is red because of what it changed, never by chance.
settings.register_profile(
    "sluice", deadline=None, print_blob=True, max_examples=cases(settings.default.max_examples), derandomize=not ALL
)
settings.load_profile("sluice")


#: Every test in it needs a whole local AWS, and the fast part does not look there.
SLOW_FOLDER = "tests/end_to_end"
_ROOT = Path(__file__).parents[1]


def is_slow_by_place(file: Path) -> bool:
    """Whether what stands in this file is slow, whether it says so or not."""
    return file.is_relative_to(_ROOT / SLOW_FOLDER)


@pytest.fixture(scope="session", autouse=True)
def forked() -> Iterator[None]:
    """Processes that compile transforms are forked from one of this worker, not begun anew (tests/forking.py)."""
    begun: list[Server] = []
    own = child._begun

    def fork(module: str, folder: Path | None) -> Any:
        if not begun:
            begun.append(Server())
        (server,) = begun
        known = module in MODULES and server.path == os.environ.get("PYTHONPATH") and UNFORKED not in os.environ
        return Forked(server, module, folder) if known else own(module, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "_begun", fork)
        yield
    for server in begun:
        server.close()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Collecting())


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    return scheduler(config, log)


@pytest.hookimpl(tryfirst=True)  # before marks are selected by
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what Hypothesis finds the cases for: `make proof` tries it on all; and what is slow by its place."""
    for item in items:
        if is_law(item):
            item.add_marker("law")
        if is_slow_by_place(item.path):
            item.add_marker("slow")
