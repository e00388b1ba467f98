"""What a check is, and how several are made at once so that none hides another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, Final, Literal

from sluice.errors import SluiceError

Status = Literal["ok", "warning", "failed", "unknown"]
#: Calls of AWS that wait at the same time.
_AT_ONCE: Final = 8


@dataclass(frozen=True)
class Finding:
    """What a check found: ``next_step`` is the command or the change that mends it, empty where all is well."""

    status: Status
    found: str
    next_step: str = ""


def well(found: str) -> Finding:
    """Return the finding of a check that found nothing wrong."""
    return Finding("ok", found)


class CannotTell(Exception):
    """A check cannot be made: ``found`` says why, ``next_step`` what would let it be made."""

    def __init__(self, found: str, next_step: str) -> None:
        super().__init__(found)
        self.finding = Finding("unknown", found, next_step)


@dataclass(frozen=True)
class Question:
    """One check that is still to be made: ``look`` may raise ``CannotTell`` and ``SluiceError``.

    So it may ``ImportError`` of a library that is not there, ``OSError``, and what is raised for a file or an answer of
    another shape than expected.
    """

    id: str
    looked_at: str
    look: Callable[[], Finding]


@dataclass(frozen=True)
class Check:
    """One check that was made."""

    id: str
    looked_at: str
    finding: Finding

    def as_data(self) -> dict[str, Any]:
        """Return the check as a JSON object."""
        found = self.finding
        return {
            "id": self.id,
            "looked_at": self.looked_at,
            "status": found.status,
            "found": found.found,
            "next_step": found.next_step,
        }


def make(questions: Sequence[Question], note: Callable[[str], None]) -> list[Check]:
    """Make all checks at the same time, and return them in the order of the questions; ``note`` gets progress."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = {pool.submit(_made, question): question.id for question in questions}
        for done, future in enumerate(as_completed(asked), 1):
            note(f"{done} of {len(asked)} checks: {asked[future]}")
        return [future.result() for future in asked]


def _made(question: Question) -> Check:
    try:
        found = question.look()
    except CannotTell as error:
        found = error.finding
    except SluiceError as error:
        found = Finding("failed", error.what, error.next_step)
    except ImportError as error:
        found = Finding("unknown", f"{error.name} is not installed", "mend what `packages` names first.")
    except OSError as error:
        found = Finding("unknown", str(error), "see who may use what it names, then `sluice doctor` again.")
    except (LookupError, TypeError, ValueError) as error:
        said = f"what was looked at is not of the shape that is expected: {type(error).__name__}: {error}"
        found = Finding("unknown", said, "see that what `credentials` names is an AWS; else mend what is named.")
    return Check(question.id, question.looked_at, found)


def all_well(checks: Iterable[Check]) -> bool:
    """Return whether no check found anything, and each could be made."""
    return all(check.finding.status == "ok" for check in checks)
