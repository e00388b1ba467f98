"""Finds the transforms under ``glue_jobs/``, one module per derived table."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from sluice.errors import TransformError
from sluice.folders import meant_project, present_project
from sluice.transforms import Transform
from sluice.transforms.shared import imported_from_beside


@dataclass(frozen=True, kw_only=True)
class DiscoveredTransform(Transform):
    """A declared transform with its table and the file where it was found.

    ``source_hash`` changes with the source of the function's module or of a helper module directly in ``glue_jobs/``.
    """

    table: str
    source_hash: str
    file: str


def transform_folders(contracts: Iterable[Path]) -> list[Path]:
    """Return the folders to search for transforms: the project's that is meant, and any ``glue_jobs`` beside contracts.

    Where there is none, it is the folder in which they would be written.
    """
    places = list(contracts)
    project = meant_project(places)
    beside = [folder.resolve().parent / "glue_jobs" for folder in places]
    found = [project.transforms] if project else []
    found += [folder for folder in beside if folder.is_dir()]
    return list(dict.fromkeys(found)) or beside[:1]


def refuse_undeclared(contracts: Iterable[Path], derived: Collection[str]) -> None:
    """Raise ``TransformError`` for a module beside a folder of ``contracts`` that makes none of the ``derived`` tables.

    Its transform would never run.
    """
    for folder in contracts:
        for path in _modules(folder.resolve().parent / "glue_jobs"):
            if (table := table_of(path)) not in derived:
                file = folder / path.parent.name / f"{path.stem}.yaml"
                raise TransformError(
                    f"{path}: no contract declares the derived table {table}, so its transform would never run.",
                    dataset=table,
                    file=str(path),
                    next_step=f"create {file} with physicalName: {table}, or remove the module; what transforms share "
                    f"stands directly in {path.parents[1]}.",
                )


def discover(folder: Path, *, begun: Callable[[Path], object] = lambda _: None) -> list[DiscoveredTransform]:
    """Return every transform under ``folder``, ordered by table; ``TransformError`` for a module without one.

    ``begun`` is called with each module before it runs, since it may end the process.
    """
    found = []
    for path in _modules(folder):
        begun(path)
        found.append(_load(path))
    return found


def _modules(folder: Path) -> list[Path]:
    """Return the modules of transforms in ``folder``; ``TransformError`` for one deeper than its database's folder."""
    for path in sorted(folder.glob("*/*/**/*.py")):
        if not _hidden(path, folder):
            raise TransformError(
                f"{path}: a transform stands directly in the folder of its database, not in one below it.",
                file=str(path),
                next_step=f"move it to {folder / path.relative_to(folder).parts[0] / path.name}.",
            )
    return [path for path in sorted(folder.glob("*/*.py")) if path.name != "__init__.py" and not _hidden(path, folder)]


def _hidden(path: Path, folder: Path) -> bool:
    """Return whether a part of the path below ``folder`` begins with a dot, as what editors keep there does."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def table_of(path: Path) -> str:
    """Return the table that the module at ``path`` makes."""
    return f"{path.parent.name}.{path.stem}"


def _helpers(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.py")) if not _hidden(path, folder)]


def _shared_with(path: Path) -> list[Path]:
    """Return the helpers that the transform at ``path`` may use: also those of the project, if it stands elsewhere."""
    project = present_project()
    folders = dict.fromkeys((path.resolve().parents[1], *((project.transforms,) if project else ())))
    return [helper for folder in folders for helper in _helpers(folder)]


def _missing_helper(error: BaseException, path: Path) -> str:
    """Return which file to create when what is missing is a module of ``glue_jobs``; an empty text for other errors."""
    package, _, name = (getattr(error, "name", None) or "").partition(".")
    if not isinstance(error, ModuleNotFoundError) or package != "glue_jobs" or not name:
        return ""
    return f"create {path.parents[1] / name.replace('.', '/')}.py, or import what is there."


def _load(path: Path) -> DiscoveredTransform:
    table = table_of(path)
    for each in (path, *_shared_with(path)):
        _refuse_link_to_nothing(each, table)
        if (found := imported_from_beside(each)) is not None:
            raise TransformError(
                f"{path}: {found.importer} imports {found.name}, which stands outside of glue_jobs/: the Spark job has "
                f"nothing of {found.folder} but glue_jobs/.",
                safe="nothing was deployed or changed.",
                next_step=f"move it to {found.folder / 'glue_jobs'}, and write `from glue_jobs.… import …`.",
                dataset=table,
                file=str(each),
            )
    declared = getattr(_module(path), path.stem, None)
    if not isinstance(declared, Transform):
        raise TransformError(
            f"{path}: there is no function {path.stem} decorated with @transform.",
            next_step=f"name the function as its table, {path.stem}, and have @transform as its outermost decorator.",
            dataset=table,
            file=str(path),
        )
    parameters = list(inspect.signature(declared.function).parameters)
    if parameters != list(declared.sources):
        raise TransformError(
            f"{path}: @transform declares {', '.join(declared.sources)}; the function takes {', '.join(parameters)}.",
            next_step="give both the same names in the same order.",
            dataset=table,
            file=str(path),
        )
    return DiscoveredTransform(**vars(declared), table=table, source_hash=_source_hash(path), file=str(path))


def _refuse_link_to_nothing(path: Path, table: str) -> None:
    if not path.exists():
        raise TransformError(
            f"{path} is a link to {path.readlink() if path.is_symlink() else path}, which is not there.",
            next_step="delete the link, or write the file that it names.",
            dataset=table,
            file=str(path),
        )


def _module(path: Path) -> ModuleType:
    """Return the module at ``path``, loaded; ``TransformError`` when it cannot be."""
    table = table_of(path)
    spec = importlib.util.spec_from_file_location(f"glue_jobs.{table}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # SystemExit(0), too: a check would end with it, as if all were sound
        raise TransformError(
            f"{path}: {table} cannot be loaded: {type(error).__name__}: {error}.",
            safe="nothing was deployed or changed.",
            next_step=_missing_helper(error, path) or "mend the module.",
            dataset=table,
            file=str(path),
        ) from error
    return module


def _source_hash(path: Path) -> str:
    """Return a hash of the module at ``path`` and of the helpers that it may use."""
    code = hashlib.sha256()
    # Only names and contents count, not locations.
    for part in (path, *_shared_with(path)):
        code.update(f"{part.name}\0".encode() + part.read_bytes())
    return code.hexdigest()
