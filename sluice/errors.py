"""Every error that Sluice raises on purpose.

SluiceError
├── ContractError            a contract file breaks the standard or asks for what Sluice does not have
├── TransformError           a derived table's function does not fit its contract
├── DeliveryError            one delivery cannot be ingested; nothing of it was committed
│   ├── UnreadableFile       the bytes are not what the contract says (truncated, wrong header, wrong format)
│   ├── UnknownDataset       the key's first part names no contracted dataset
│   └── FileTooLarge         the file needs more time than a function has
├── TableError               an Iceberg table is not as its contract says
│   └── CommitConflict       another writer committed first; reading the table again and retrying is safe
├── CheckFailed              a derived table's new rows failed their audit; readers see the old snapshot
├── RowsLost                 a rebuild would lose rows whose inputs retention removed; readers see the old snapshot
├── ModuleRefused            a module of the library that is found by itself (a format, an envelope, commands) is broken
└── CommandError             the command line cannot do what was asked

Each says what happened, what is safe now and the next command.
"""

from __future__ import annotations

__all__ = [
    "CheckFailed",
    "CommandError",
    "CommitConflict",
    "ContractError",
    "DeliveryError",
    "FileTooLarge",
    "ModuleRefused",
    "RowsLost",
    "SluiceError",
    "TableError",
    "TransformError",
    "UnknownDataset",
    "UnreadableFile",
]


class SluiceError(Exception):
    """Base of all errors: ``what`` happened, what is ``safe`` now, and the ``next_step`` to take."""

    def __init__(self, what: str, *, safe: str = "", next_step: str = "") -> None:
        self.what = what
        self.safe = safe
        self.next_step = next_step
        super().__init__(what)

    def __str__(self) -> str:
        parts = [self.what]
        if self.safe:
            parts.append(f"Safe: {self.safe}")
        if self.next_step:
            parts.append(f"Next: {self.next_step}")
        return "\n".join(parts)


class ContractError(SluiceError):
    """A contract file breaks the standard or asks for what Sluice does not have."""


class TransformError(SluiceError):
    """A derived table's function does not fit its contract."""


class DeliveryError(SluiceError):
    """One delivery cannot be ingested; nothing of it was committed. ``code`` is the reason kept in quarantine."""

    code = "unreadable"

    def __init__(self, what: str, *, code: str | None = None, safe: str = "", next_step: str = "") -> None:
        super().__init__(what, safe=safe, next_step=next_step)
        if code is not None:
            self.code = code


class UnreadableFile(DeliveryError):
    """A file cannot be read as its contract says: truncated, wrong header, wrong format, or empty.

    The whole file is quarantined.
    """


class UnknownDataset(DeliveryError):
    """The first part of an object's key is not the name of a contracted dataset."""

    code = "unknown_dataset"


class FileTooLarge(DeliveryError):
    """The file needs more time than a function has."""

    code = "file_too_large"


class TableError(SluiceError):
    """An Iceberg table is not as its contract says."""


class CommitConflict(TableError):
    """Another writer committed first; reading the table again and retrying is safe."""


class CheckFailed(SluiceError):
    """A derived table's new rows failed their audit: a check of severity ``error`` does not hold.

    Nothing was published, so readers still see the previous snapshot.
    """


class RowsLost(SluiceError):
    """A full rebuild or a backfill would lose published rows, since retention removed the rows they were made of.

    Nothing was published, so readers still see the previous snapshot.
    """


class ModuleRefused(SluiceError):
    """A module that is found by itself (a format, an envelope, commands) cannot be imported, or brings nothing."""

    def __init__(self, what: str, *, safe: str = "nothing was done.", next_step: str = "") -> None:
        super().__init__(what, safe=safe, next_step=next_step)


class CommandError(SluiceError):
    """The command line cannot do what was asked."""
