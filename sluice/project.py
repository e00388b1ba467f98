"""The compiled project: all contracts and compiled transforms, in one JSON file that is deployed with the functions."""

from __future__ import annotations

import hashlib
import os
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

import msgspec

from sluice.compiled import CompiledTransform
from sluice.contracts import AnyContract, LandingContract
from sluice.decoding import json_decoder
from sluice.once import once

#: The file's name beside the functions' code.
FILE_NAME = "project.json"


class Project(msgspec.Struct, frozen=True):
    """All contracts, and a compiled transform for each derived one.

    ``fields_digest`` is in its JSON alone: see ``decode_project``.
    """

    contracts: tuple[AnyContract, ...]
    transforms: tuple[CompiledTransform, ...] = ()
    fields_digest: str = ""

    def to_json(self) -> bytes:
        """Return the project as JSON, the same bytes for the same declarations."""
        whole = msgspec.structs.replace(self, fields_digest=digest_of_fields())
        return msgspec.json.encode(whole, order="deterministic")

    @property
    def contracts_fingerprint(self) -> str:
        """Return a hash of the contracts alone: tables are made by them, whatever the transforms do."""
        return hashlib.sha256(Project(self.contracts).to_json()).hexdigest()[:32]

    @property
    def arriving(self) -> tuple[LandingContract, ...]:
        """Return the contracts of all landing datasets."""
        return tuple(contract for contract in self.contracts if isinstance(contract, LandingContract))

    def landing(self, dataset: str) -> LandingContract | None:
        """Return the contract of the landing dataset with that name, or None."""
        return next((contract for contract in self.arriving if contract.name == dataset), None)

    def contract(self, table: str) -> AnyContract:
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


class _Fields(msgspec.Struct, frozen=True):
    """What is read first: it shows whether other code wrote the rest."""

    fields_digest: str = ""


_decode, _decode_fields = json_decoder(Project), json_decoder(_Fields)


@once
def digest_of_fields() -> str:
    """Return a hash of the names of all fields that a project's JSON can have, at any depth."""
    kinds: dict[str, list[str]] = {}
    left: list[Any] = [Project]
    while left:
        kind = left.pop()
        left += get_args(kind)
        is_declared = isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or is_dataclass(kind))
        if is_declared and kind.__qualname__ not in kinds:
            hints = {name: hint for name, hint in get_type_hints(kind).items() if get_origin(hint) is not ClassVar}
            kinds[kind.__qualname__] = sorted(hints)
            left += hints.values()
    return hashlib.sha256(msgspec.json.encode(kinds, order="deterministic")).hexdigest()[:16]


def decode_project(text: bytes) -> Project:
    """Return the project whose JSON is ``text``; ``ValueError`` when code with other fields wrote it.

    What is unknown would be skipped and what is missing would get its default, as if it had been declared so.
    """
    written = _decode_fields(text).fields_digest
    if written != digest_of_fields():
        raise ValueError(
            f"{FILE_NAME} was written by another version of this code: its fields are {written or 'unknown'}, these "
            f"are {digest_of_fields()}. Nothing was done with it. Deploy again."
        )
    return msgspec.structs.replace(_decode(text), fields_digest="")


@once
def deployed_project() -> Project:
    """Return the project that was deployed with this function's code."""
    root = Path(os.environ.get("LAMBDA_TASK_ROOT", "."))
    return decode_project((root / FILE_NAME).read_bytes())
