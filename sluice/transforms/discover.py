"""Finds the transforms under ``glue_jobs/``, one module per derived table."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType

from sluice.errors import TransformError
from sluice.folders import meant_project, present_project
from sluice.gathered import Gathered
from sluice.nearest import nearest
from sluice.transforms import Transform
from sluice.transforms.own_code import refused
from sluice.transforms.shared import imported_from_beside


@dataclass(frozen=True, kw_only=True)
class DiscoveredTransform(Transform):
    """A declared transform with its table and the file where it was found.

    ``source_hash`` changes with the source of the function's module or of a helper module directly in ``glue_jobs/``.
    ``line`` is that of its decorator, from 1.
    """

    table: str
    source_hash: str
    file: str
    line: int

    @property
    def place(self) -> str:
        """Return file and line, as an error begins."""
        return f"{self.file}:{self.line}"


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
    """Raise ``TransformError`` for each module beside the ``contracts`` that makes none of the ``derived`` tables.

    Its transform would never run.
    """
    found = Gathered()
    for folder in contracts:
        jobs = folder.resolve().parent / "glue_jobs"
        with found:
            _refuse_too_deep(jobs)
        for path in _modules(jobs):
            if (table := table_of(path)) not in derived:
                file = folder / path.parent.name / f"{path.stem}.yaml"
                near = nearest(table, derived)
                meant = f"rename the module to {near.replace('.', '/')}.py if {near} was meant, " if near else ""
                with found:
                    raise TransformError(
                        f"{path}: no contract declares the derived table {table}, so its transform would never run.",
                        dataset=table,
                        file=str(path),
                        next_step=f"{meant}create {file} with physicalName: {table}, or remove the module; what "
                        f"transforms share stands directly in {path.parents[1]}.",
                    )
    found.refuse()


def discover(
    folder: Path,
    *,
    begun: Callable[[Path], object] = lambda _: None,
    but: Collection[str] = (),
    found: Gathered | None = None,
) -> list[DiscoveredTransform]:
    """Return every transform under ``folder``, ordered by table; ``TransformError`` for each module without one.

    The errors are gathered in ``found`` where that is given, and are raised where not. Modules of the files ``but`` are
    left out. ``begun`` is called with each module before it runs, since it may end the process.
    """
    gathered = Gathered() if found is None else found
    loaded = []
    with gathered:
        _refuse_too_deep(folder)
    for path in _modules(folder):
        if str(path) not in but:
            begun(path)
            with gathered:
                loaded.append(_load(path))
    if found is None:
        gathered.refuse()
    return loaded


def _refuse_too_deep(folder: Path) -> None:
    """Raise ``TransformError`` for each module of ``folder`` that stands deeper than its database's folder."""
    found = Gathered()
    for path in sorted(folder.glob("*/*/**/*.py")):
        if not _hidden(path, folder):
            with found:
                raise TransformError(
                    f"{path}: a transform stands directly in the folder of its database, not in one below it.",
                    file=str(path),
                    next_step=f"move it to {folder / path.relative_to(folder).parts[0] / path.name}.",
                )
    found.refuse()


def _modules(folder: Path) -> list[Path]:
    """Return the modules of transforms in ``folder``."""
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
    module = _module(path)
    declared = getattr(module, path.stem, None)
    if not isinstance(declared, Transform):
        raise _without_transform(path, module)
    function = declared.function
    parameters = list(inspect.signature(function).parameters)
    line = function.__code__.co_firstlineno
    if parameters != list(declared.sources):
        raise TransformError(
            f"{path}:{line}: @transform declares {', '.join(declared.sources)}; the function takes "
            f"{', '.join(parameters)}.",
            next_step="give both the same names in the same order.",
            dataset=table,
            file=str(path),
            position=line,
        )
    return DiscoveredTransform(**vars(declared), table=table, source_hash=_source_hash(path), file=str(path), line=line)


def _without_transform(path: Path, module: ModuleType) -> TransformError:
    """Return the error for a module that has no transform of its own name, with the line of what was meant for it."""
    here = {name: each for name, each in vars(module).items() if getattr(each, "__module__", "") == module.__name__}
    here |= {name: each for name, each in vars(module).items() if isinstance(each, Transform)}
    name = path.stem if path.stem in here else nearest(path.stem, here)
    meant = getattr(here.get(name), "function", here.get(name))
    line = meant.__code__.co_firstlineno if isinstance(meant, FunctionType) else 1
    return TransformError(
        f"{path}:{line}: there is no function {path.stem} decorated with @transform"
        + (f"; did you mean {name}?" if name and name != path.stem else "."),
        next_step=f"name the function as its table, {path.stem}, and have @transform as its outermost decorator.",
        dataset=table_of(path),
        file=str(path),
        position=line,
    )


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
        step = _missing_helper(error, path) or "mend the module."
        raise refused(error, path, table, "cannot be loaded", next_step=step) from error
    return module


def _source_hash(path: Path) -> str:
    """Return a hash of the module at ``path`` and of the helpers that it may use."""
    code = hashlib.sha256()
    # Only names and contents count, not locations.
    for part in (path, *_shared_with(path)):
        code.update(f"{part.name}\0".encode() + part.read_bytes())
    return code.hexdigest()
