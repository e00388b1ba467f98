"""Finds what the modules of a package declare, so that something new needs only a new module and no list.

Such a module is code of this project that may be broken in any way: whatever it does, one error names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from sluice.errors import ModuleRefused
from sluice.shortened import shortened

T = TypeVar("T")


def found_in(package: str, name: str, kind: type[T]) -> dict[str, T]:
    """Return what each module of ``package`` declares under ``name``, by the module's name, in alphabetical order.

    A package calls this with its own ``__name__``; by this call `infra.imports` knows that all of its modules are
    shipped with it. Nothing is left out in silence: raises ``ModuleRefused``, which names the file, for a module that
    cannot be imported, whatever it raises, or declares nothing of type ``kind``; for two whose names differ by case
    only; and for Python files in the folder that are no modules of the package.
    """
    folders = [Path(path) for path in importlib.import_module(package).__path__]
    modules = sorted(module.name for module in pkgutil.iter_modules(map(str, folders)))
    files: dict[str, Path] = {}
    for name_of_file, file in _python_files(folders):
        if name_of_file not in modules:
            raise ModuleRefused(
                f"{file} cannot be imported as a module of {package}.",
                next_step=f"give a folder an __init__.py, and no dot to a name; or put it outside {file.parent}.",
                file=str(file),
            )
        if (other := files.setdefault(name_of_file.casefold(), file)) != file:
            raise claimed_twice(name_of_file, other, file)
    return {module: _declared(package, module, files.get(module.casefold()), name, kind) for module in modules}


def claimed_twice(name: str, one: object, other: object) -> ModuleRefused:
    """Return the error for one ``name`` that two modules claim; names that differ by case only are one."""
    return ModuleRefused(
        f"{other}: the name {name} is that of {one}, too.",
        next_step="rename or remove one of the two.",
        value=name,
    )


def _python_files(folders: list[Path]) -> Iterator[tuple[str, Path]]:
    """Yield name and path of every module and every folder with Python files; nothing inside of an archive."""
    for path in sorted(path for folder in folders if folder.is_dir() for path in folder.glob("[!.]*")):
        if path.suffix == ".py" and path.is_file() and path.name != "__init__.py":
            yield path.stem, path
        elif path.is_dir() and next(path.rglob("*.py"), None) is not None:
            yield path.name, path


def _declared(package: str, module: str, file: Path | None, name: str, kind: type[T]) -> T:
    where = file or f"{package}.{module}"
    try:
        brought = vars(importlib.import_module(f"{package}.{module}")).get(name)
    except (Exception, SystemExit) as error:
        # SystemExit, too: with status 0 it would end a check in silence, as if all were sound.
        why = shortened(f"{type(error).__name__}: {error}")
        raise ModuleRefused(
            f"{where} cannot be imported: {why}",
            next_step="mend or remove it.",
            file=None if file is None else str(file),
        ) from error
    if not isinstance(brought, kind):
        what = f"its {name} is {shortened(repr(brought))}" if brought is not None else f"it declares no {name}"
        raise ModuleRefused(
            f"{where}: {what}; a {kind.__name__} is wanted.",
            next_step=f"declare {name}, or remove the file: what others share stands outside {package}.",
            file=None if file is None else str(file),
            value=name,
        )
    return brought
