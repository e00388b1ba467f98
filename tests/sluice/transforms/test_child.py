"""A process that was prepared answers as one that is begun for the question, and one that ended costs no answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.transforms import child
from sluice.transforms.compile import COMPILING, compile_project
from tests.forking import UNFORKED
from tests.sluice.ingestion.reading import column, contract

pytestmark = pytest.mark.slow  # each compiles in processes of their own

CONTRACTS = (contract(column("id")),)


@pytest.fixture(autouse=True)
def ready(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(UNFORKED, "1")
    yield
    for process in child._ready.values():
        process.kill()
        with process:
            pass
    child._ready.clear()


def test_a_prepared_process_answers_once(tmp_path: Path) -> None:
    child.prepare(COMPILING, tmp_path)
    child.prepare(COMPILING, tmp_path)
    (process,) = child._ready.values()
    assert compile_project(CONTRACTS, folder=tmp_path).contracts == CONTRACTS
    assert (process.poll(), child._ready) == (0, {})
    assert compile_project(CONTRACTS, folder=tmp_path).contracts == CONTRACTS


def test_one_that_ended_meanwhile_is_begun_anew(tmp_path: Path) -> None:
    child.prepare(COMPILING, tmp_path)
    (process,) = child._ready.values()
    process.kill()
    process.wait()
    assert compile_project(CONTRACTS, folder=tmp_path).contracts == CONTRACTS


def test_it_ends_with_the_process_that_prepared_it(tmp_path: Path) -> None:
    child.prepare(COMPILING, tmp_path)
    (process,) = child._ready.values()
    said, told = process.communicate()  # closes its standard input, as the end of this process does
    assert (process.returncode, said, told) == (0, b"null", b"")
