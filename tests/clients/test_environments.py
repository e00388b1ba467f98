"""What is said of a client whose packages could not be had."""

from __future__ import annotations

import sys

import pytest

from tests.clients import environments


def _says(words: str) -> tuple[str, str, str]:
    return sys.executable, "-c", f"import sys; sys.exit({words!r})"


def test_packages_that_cannot_be_had_are_said_and_those_that_are_not_the_locks_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="NO CLIENT"):
        environments._made(*_says("error: no route to host"))
    with pytest.raises(pytest.fail.Exception, match="Hash mismatch"):
        environments._made(*_says("Hash mismatch for `six==1.0`"))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="NO CLIENT"):
        environments._made(*_says("error: no route to host"))
