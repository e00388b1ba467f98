"""Finds the transforms under ``glue_jobs/``, one module per derived table."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.errors import TransformError
from sluice.folders import TRANSFORMS
from sluice.transforms import Engine, Input, Transform


@dataclass(frozen=True)
class DiscoveredTransform:
    """A discovered transform: its table and function, and what ``@transform`` declares.

    ``sources`` are the inputs by parameter, ``accept`` maps lint rules to reasons.
    ``source_hash`` changes with the source of the function's module or of a helper module directly in ``glue_jobs/``.
    """

    table: str
    function: Transform
    sources: dict[str, Input]
    write: str
    recompute_key: tuple[str, ...]
    engine: Engine
    accept: Mapping[str, str]
    source_hash: str
    file: str

    @property
    def inputs(self) -> dict[str, str]:
        """Return the input tables by parameter."""
        return {name: given.table for name, given in self.sources.items()}


def transform_folders(contracts: Iterable[Path]) -> list[Path]:
    """Return the folders to search for transforms: the project's, and any ``glue_jobs`` beside one of contracts."""
    beside = [folder.resolve().parent / "glue_jobs" for folder in contracts]
    return list(dict.fromkeys([TRANSFORMS, *(folder for folder in beside if folder.is_dir())]))


def discover(folder: Path) -> list[DiscoveredTransform]:
    """Return every transform under ``folder``, ordered by table; ``TransformError`` for a module without one."""
    return [_load(path) for path in sorted(folder.glob("*/*.py")) if path.name != "__init__.py"]


def _load(path: Path) -> DiscoveredTransform:
    table = f"{path.parent.name}.{path.stem}"
    spec = importlib.util.spec_from_file_location(f"glue_jobs.{table}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise TransformError(
            f"{path}: {type(error).__name__}: {error}.",
            safe="nothing was deployed or changed.",
            next_step="mend the module. `by` of transform() is called `recompute_key` now, `through` and `matching` of "
            "source() and unique() `join` and `join_on`.",
        ) from error
    function = getattr(module, path.stem, None)
    sources = getattr(function, "sources", None)
    if function is None or sources is None:
        raise TransformError(
            f"{path}: there is no function {path.stem} decorated with @transform.",
            next_step=f"name the function as its table, {path.stem}, and declare its inputs.",
        )
    parameters = list(inspect.signature(function).parameters)
    if parameters != list(sources):
        raise TransformError(
            f"{path}: @transform declares {', '.join(sources)}; the function takes {', '.join(parameters)}.",
            next_step="give both the same names in the same order.",
        )
    code = hashlib.sha256()
    # A transform of another folder may use the project's helpers, too. Only names and contents count, not locations.
    folders = dict.fromkeys((path.resolve().parents[1], TRANSFORMS))
    for part in (path, *(helper for folder in folders for helper in sorted(folder.glob("*.py")))):
        code.update(f"{part.name}\0".encode() + part.read_bytes())
    return DiscoveredTransform(
        table,
        function,
        dict(sources),
        function.write,
        function.recompute_key,
        function.engine,
        function.accept,
        code.hexdigest(),
        str(path),
    )
