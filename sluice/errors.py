"""Every error that Sluice raises on purpose.

SluiceError
├── ContractError            a contract file breaks the standard or asks for what Sluice does not have
├── TransformError           a derived table's function does not fit its contract
├── DeliveryError            one delivery cannot be ingested; nothing of it was committed
│   ├── UnreadableFile       the bytes are not what the contract says (truncated, wrong header, wrong format)
│   ├── UnknownDataset       the key's first part names no contracted dataset
│   ├── FileTooLarge         the file needs more time than a function has
│   └── NotStaged            the file could not be staged this time (retryable)
├── TableError               an Iceberg table is not as its contract says
│   ├── CommitConflict       another writer committed first (retryable: the table is read again)
│   └── CommitUncertain      a commit was refused that may still take place (retryable: the table is read again)
├── CheckFailed              a derived table's new rows failed their audit; readers see the old snapshot
├── RowsLost                 a rebuild would lose rows whose inputs retention removed; readers see the old snapshot
├── ModuleRefused            a module of the library that is found by itself (a format, an envelope, commands) is broken
├── EnvironmentRefused       environments.yaml says what no environment can have
├── SweepIncomplete          parts of a sweep failed; the next sweep makes them (retryable)
└── CommandError             the command line cannot do what was asked
    ├── WrongArgument        what was named does not exist, or cannot be what it was named for
    └── Unreachable          AWS did not answer, or refused for now (retryable)

Each says what happened, what is safe now and the next command, and has what it is about as fields. Its type says
whether the same step can succeed when it is repeated as it is (``retryable``); any other error needs a change first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypedDict, Unpack

__all__ = [
    "CheckFailed",
    "CommandError",
    "CommitConflict",
    "CommitUncertain",
    "ContractError",
    "DeliveryError",
    "EnvironmentRefused",
    "FileTooLarge",
    "ModuleRefused",
    "NotStaged",
    "RowsLost",
    "SluiceError",
    "SweepIncomplete",
    "TableError",
    "TransformError",
    "UnknownDataset",
    "Unreachable",
    "UnreadableFile",
    "WrongArgument",
]


#: What an error may be about, in the order in which it is told.
_FIELDS = ("dataset", "column", "value", "file", "position")


class _Said(TypedDict, total=False):
    """What an error says beside what happened: see ``SluiceError``."""

    safe: str
    next_step: str
    dataset: str | None
    column: str | None
    value: str | None
    file: str | None
    position: int | None


class SluiceError(Exception):
    """Base of all errors: ``what`` happened, what is ``safe`` now, and the ``next_step`` to take.

    What it is about is data, too, each None when it is about no such thing: the ``dataset`` (the name of a table, or of
    a dataset that arrives), its ``column``, the ``value``, the ``file`` (a path or URI) and the ``position`` in it: a
    line of a contract, a record of a delivery (both from 1), or a byte of a JSON text (from 0).
    """

    #: Whether the same step can succeed when it is repeated as it is.
    retryable: ClassVar[bool] = False
    #: What is safe, and the next step, of an error of this type that says nothing of its own.
    usually_safe: ClassVar[str] = ""
    usual_next_step: ClassVar[str] = ""

    def __init__(self, what: str, **said: Unpack[_Said]) -> None:
        if unknown := said.keys() - _Said.__annotations__.keys():
            raise TypeError(f"An error says no {', '.join(sorted(unknown))}")
        self.what = what
        self.safe = said.get("safe") or self.usually_safe
        self.next_step = said.get("next_step") or self.usual_next_step
        self.dataset, self.column, self.value = said.get("dataset"), said.get("column"), said.get("value")
        self.file, self.position = said.get("file"), said.get("position")
        #: What else was found wrong at the same time.
        self.also: tuple[SluiceError, ...] = ()
        #: Python's own traceback, of an error in the code of a project; else empty.
        self.trace = ""
        super().__init__(what)

    @property
    def together(self) -> tuple[SluiceError, ...]:
        """Return this error and those that were found with it, in order."""
        return (self, *self.also)

    def within(self, *, dataset: str | None = None, file: str | None = None) -> None:
        """Set the fields that the error lacks to what its catcher knows."""
        self.dataset, self.file = self.dataset or dataset, self.file or file

    def as_data(self) -> dict[str, Any]:
        """Return the error as a JSON object: its type (``error``), sentences, ``retryable`` and the known fields.

        ``trace`` and ``also``, the objects of what else was found wrong, are there when there are any.
        """
        said = {"what": self.what, "safe": self.safe, "next_step": self.next_step}
        known = {name: value for name in _FIELDS if (value := getattr(self, name)) is not None}
        rest: dict[str, Any] = {"trace": self.trace} if self.trace else {}
        if self.also:
            rest["also"] = [each.as_data() for each in self.also]
        return {"error": type(self).__name__, **said, "retryable": self.retryable, **known, **rest}

    @classmethod
    def from_data(cls, told: Mapping[str, Any]) -> Self:
        """Return the error of which another process told by ``as_data``: of this type, or of one derived from it."""
        known = {name: told[name] for name in _FIELDS if name in told}
        kind = next((each for each in cls.__subclasses__() if each.__name__ == told["error"]), cls)
        error = kind(told["what"], safe=told["safe"], next_step=told["next_step"], **known)
        error.trace = told.get("trace", "")
        error.also = tuple(SluiceError.from_data(each) for each in told.get("also", ()))
        return error

    def __str__(self) -> str:
        steps = dict.fromkeys(each.next_step for each in self.together if each.next_step)
        alone = len(steps) < 2
        parts = [each.what if alone or not each.next_step else f"{each.what}\n  Next: {each.next_step}"
                 for each in self.together]  # fmt: skip
        if self.also:
            parts.append(f"{len(self.together)} errors.")
        parts += [f"Safe: {safe}" for safe in dict.fromkeys(each.safe for each in self.together if each.safe)]
        parts += [f"Next: {step}" for step in steps if alone]
        return "\n".join(parts)


class ContractError(SluiceError):
    """A contract file breaks the standard or asks for what Sluice does not have."""

    usually_safe = "nothing was deployed or changed."
    usual_next_step = "mend the contract, then run `sluice check`."


class TransformError(SluiceError):
    """A derived table's function does not fit its contract."""

    usually_safe = "nothing was deployed or changed."
    usual_next_step = "mend the transform, or its contract, then run `sluice check`."


class DeliveryError(SluiceError):
    """One delivery cannot be ingested; nothing of it was committed. ``code`` is the reason kept in quarantine."""

    code = "unreadable"
    usually_safe = "nothing of it was committed."

    def __init__(self, what: str, *, code: str | None = None, **said: Unpack[_Said]) -> None:
        super().__init__(what, **said)
        if code is not None:
            self.code = code

    def as_data(self) -> dict[str, Any]:
        """Return the error as a JSON object, with the ``code``."""
        return {**super().as_data(), "code": self.code}


class UnreadableFile(DeliveryError):
    """A file cannot be read as its contract says: truncated, wrong header, wrong format, or empty.

    The whole file is quarantined.
    """

    usually_safe = "nothing of the file was committed; it is quarantined whole and stays in the landing bucket."
    usual_next_step = "mend the file, or what its contract says of it, and upload it again."


class UnknownDataset(DeliveryError):
    """The first part of an object's key is not the name of a contracted dataset."""

    code = "unknown_dataset"


class FileTooLarge(DeliveryError):
    """The file needs more time than a function has."""

    code = "file_too_large"
    usually_safe = "nothing of the file was committed."
    usual_next_step = "split the file and upload the parts."


class NotStaged(DeliveryError):
    """A file could not be staged this time, for a reason outside of it that may pass."""

    retryable = True
    usual_next_step = "it is tried again by itself."


class TableError(SluiceError):
    """An Iceberg table is not as its contract says."""

    usually_safe = "the table is as it was."


class CommitConflict(TableError):
    """Another writer committed first; reading the table again and retrying is safe."""

    retryable = True
    usually_safe = "nothing of this commit is visible."
    usual_next_step = "nothing to do: it is tried again by itself from the table's new state."


class CommitUncertain(TableError):
    """A commit was refused while nobody was faster: an earlier try of the same call may still take place.

    Whoever made it deletes nothing of it. Reading the table again and retrying is safe: of two commits to one version
    of a table, the catalog takes one.
    """

    retryable = True
    usually_safe = "readers see the table before or after this commit, whole; none of its files was deleted."
    usual_next_step = "nothing to do: it is tried again by itself from the table's new state."


class CheckFailed(SluiceError):
    """A derived table's new rows failed their audit: a check of severity ``error`` does not hold.

    Nothing was published, so readers still see the previous snapshot.
    """

    usually_safe = "nothing was published; readers still see the previous snapshot."


class RowsLost(SluiceError):
    """A full rebuild or a backfill would lose published rows, since retention removed the rows they were made of.

    Nothing was published, so readers still see the previous snapshot.
    """

    usually_safe = "nothing was published; readers still see the previous snapshot."


class ModuleRefused(SluiceError):
    """A module that is found by itself (a format, an envelope, commands) cannot be imported, or brings nothing."""

    usually_safe = "nothing was done."
    usual_next_step = "mend or remove the module."


class EnvironmentRefused(SluiceError):
    """A project's ``environments.yaml`` says what no environment can have, or lacks what each needs."""

    usually_safe = "nothing was deployed or changed."
    usual_next_step = "mend the file, then try again."


class SweepIncomplete(SluiceError):
    """Parts of a sweep failed; the others were made, and the next sweep takes up what is left."""

    retryable = True


class CommandError(SluiceError):
    """The command line cannot do what was asked."""

    usually_safe = "nothing was changed."


class WrongArgument(CommandError):
    """What a command was given names nothing that exists, or nothing with which it can do what was asked.

    The command line ends with the status 2, as for an option that it does not know.
    """


class Unreachable(CommandError):
    """AWS did not answer, or refused for now."""

    retryable = True
    usual_next_step = "check the endpoint and the credentials (`aws sts get-caller-identity`), then try again."
