"""The example's errors say what the library's do: what is safe, what comes next, and what they are about."""

from __future__ import annotations

from tests.folders import ROOT
from tests.sluice.test_errors import made_in, silent

#: Places that give no field, with the reason.
WITHOUT_FIELD = {"shopsphere/generating.py": "the generator's ValueError, of any of its options"}


def test_every_error_of_the_example_says_what_is_safe_and_what_comes_next_and_has_a_field() -> None:
    found = made_in(path for folder in ("glue_jobs", "shopsphere") for path in (ROOT / folder).rglob("*.py"))
    assert found
    assert silent(found, WITHOUT_FIELD) == []
