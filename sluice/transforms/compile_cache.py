"""The compile cache: keeps compiled transforms on disk, since compiling takes seconds and few change at a time."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import msgspec

from sluice.compiled import CompiledTransform
from sluice.contracts import Contract
from sluice.decoding import json_decoder
from sluice.folders import LIBRARY
from sluice.transforms.discover import DiscoveredTransform

#: The source of the compiler, and the libraries of which another version may give other SQL.
_COMPILER = ("*.py", "contracts", "tables/__init__.py", "tables/arrow.py", "transforms")
_LIBRARIES = ("duckdb", "sqlframe", "sqlglot", "msgspec")
_KEPT_SECONDS = 14 * 86_400

_decode = json_decoder(CompiledTransform)


class CompileCache:
    """A cache of compiled transforms in ``folder``, named by a hash of the code, the contracts and the compiler.

    Without a folder it keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        digest = hashlib.sha256()
        for name in _LIBRARIES:
            digest.update(f"{name} {version(name)}\0".encode())
        for path in compiler_files():
            digest.update(path.read_bytes())
        self._common = digest.digest()

    def name(self, item: DiscoveredTransform, contracts: Iterable[Contract]) -> str:
        """Return the name of ``item`` in the cache; ``contracts`` are those of its table, its inputs and its checks."""
        digest = hashlib.sha256(self._common)
        digest.update(f"{item.file}\0{item.source_hash}\0".encode())
        digest.update(msgspec.json.encode(list(contracts), order="deterministic"))
        return digest.hexdigest()[:32]

    def get(self, name: str) -> CompiledTransform | None:
        """Return the compiled transform with that name, or None when the cache does not have it."""
        if self._folder is None:
            return None
        path = self._folder / name
        try:
            found = path.read_bytes()
            os.utime(path)
        except OSError:  # not there, or in a folder of somebody else's: it is compiled again
            return None
        return _decode(found)

    def put(self, name: str, compiled: CompiledTransform) -> None:
        """Store ``compiled`` under ``name``, if the folder can be written to."""
        if self._folder is None:
            return
        # A cache that cannot be kept, as on a full disk or in a read-only image, costs time, and no result.
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = self._folder / f"{name}.{time.monotonic_ns()}"
            unfinished.write_bytes(msgspec.json.encode(compiled))
            unfinished.replace(self._folder / name)

    def evict(self) -> None:
        """Delete the transforms that nobody read in two weeks."""
        kept: list[Path] = []
        with suppress(OSError):  # where there is nothing that may be read, nothing is deleted
            kept += self._folder.glob("*") if self._folder else ()
        for path in kept:
            with suppress(OSError):  # another process deleted it first, or it is somebody else's
                if path.stat().st_mtime < time.time() - _KEPT_SECONDS:
                    path.unlink()


def compiler_files() -> list[Path]:
    """Return the source of the compiler, in order."""
    found = (path for name in _COMPILER for path in LIBRARY.glob(name))
    return sorted(
        {
            file
            for path in found
            for file in ([path] if path.is_file() else [*path.rglob("*.py"), *path.rglob("*.json")])
        }
    )
