"""The compiled project: all contracts and compiled transforms, in one JSON file that is deployed with the functions."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from sluice.compiled import CompiledTransform
from sluice.contracts import Contract
from sluice.decoding import json_decoder
from sluice.once import once

#: The file's name beside the functions' code.
FILE_NAME = "project.json"


class Project(msgspec.Struct, frozen=True):
    """All contracts, and a compiled transform for each derived one."""

    contracts: tuple[Contract, ...]
    transforms: tuple[CompiledTransform, ...] = ()

    def to_json(self) -> bytes:
        """Return the project as JSON, the same bytes for the same declarations."""
        return msgspec.json.encode(self, order="deterministic")

    @property
    def fingerprint(self) -> str:
        """Return a hash of the whole project."""
        return hashlib.sha256(self.to_json()).hexdigest()[:32]

    def landing(self, dataset: str) -> Contract | None:
        """Return the contract of the landing dataset with that name, or None."""
        return next((c for c in self.contracts if not c.derived and c.name == dataset), None)

    def contract(self, table: str) -> Contract:
        """Return the contract of ``database.name``; ``KeyError`` when there is none."""
        for contract in self.contracts:
            if contract.table == table:
                return contract
        raise KeyError(table)

    def transform(self, table: str) -> CompiledTransform:
        """Return the transform that makes ``table``; ``KeyError`` when there is none."""
        for transform in self.transforms:
            if transform.table == table:
                return transform
        raise KeyError(table)


_decode = json_decoder(Project)


@once
def deployed_project() -> Project:
    """Return the project that was deployed with this function's code."""
    root = Path(os.environ.get("LAMBDA_TASK_ROOT", "."))
    return _decode((root / FILE_NAME).read_bytes())
