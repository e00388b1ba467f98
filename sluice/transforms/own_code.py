"""Finds where in a project's own code an error arose: its file and line, without the frames of libraries."""

from __future__ import annotations

import ast
import builtins
import re
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sluice.errors import TransformError
from sluice.folders import present_project
from sluice.nearest import did_you_mean
from sluice.shortened import shortened


class Place(NamedTuple):
    """A line, from 1, of a file of the project."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def place_of(error: BaseException, path: Path, line: int = 1) -> Place:
    """Return the innermost line of the project's code that led to ``error``, of the module at ``path`` or a helper.

    It is ``line`` of the module where no frame is the project's.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return Place(error.filename, error.lineno)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.lineno and _is_of(frame.filename, _homes(path)):
            same = Path(frame.filename).resolve() == path.resolve()
            return Place(str(path) if same else frame.filename, frame.lineno)
    return Place(str(path), line)


def _homes(path: Path) -> list[Path]:
    """Return the folders of the project's code: that of the module at ``path``, and the present project's."""
    project = present_project()
    return [path.resolve().parents[1], *([project.transforms] if project else [])]


def _is_of(file: str, homes: list[Path]) -> bool:
    return any(Path(file).resolve().is_relative_to(home) for home in homes)


def is_own(error: BaseException, path: Path) -> bool:
    """Return whether the project's own line raised ``error``: no library did, on the way of a call."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and place_of(error, path)[1] == frames[-1].lineno and _is_of(frames[-1].filename, _homes(path))


def in_words(error: BaseException) -> str:
    """Return what Python says of ``error``: of a syntax error with the text of its line, up to where it is wrong."""
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    if isinstance(error, AttributeError | NameError) and error.name and "did you mean" not in said:
        known: Iterable[str] = dir(error.obj) if isinstance(error, AttributeError) else _names_at(error)
        said = said.replace("module 'sqlframe.duckdb.functions'", "pyspark.sql.functions")
        meant = did_you_mean(error.name, (name for name in known if not name.startswith("_")))
        said = f"{said}{';' * bool(meant)}{meant}"
    # An error of Sluice's own says in words what is wrong.
    own = bool(said) and type(error).__module__.startswith("sluice.")
    words = shortened(said if own else f"{type(error).__name__}: {said}" if said else type(error).__name__)
    if isinstance(error, SyntaxError) and error.text and error.text.strip():
        return f"{words}: `{shortened(error.text.strip(), 90)}`"
    return words


def refused(
    error: BaseException, path: Path, table: str, what: str, *, line: int = 1, next_step: str = ""
) -> TransformError:
    """Return the error that says ``what`` of ``table``, for ``error`` in the project's code, with its traceback."""
    at = place_of(error, path, line)
    whose = table if at.file == str(path) else "what transforms share"  # told once, whichever of them meets it
    told = TransformError(
        f"{at}: {whose} {what}: {_ended(in_words(error))}",
        next_step=next_step,
        dataset=table,
        file=at.file,
        position=at.line,
    )
    told.trace = "".join(traceback.format_exception(error))
    return told


def _names_at(error: BaseException) -> Iterable[str]:
    """Return the names that are known where the error arose."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return () if at is None else (*at.tb_frame.f_locals, *at.tb_frame.f_globals, *dir(builtins))


def _ended(words: str) -> str:
    return words if words.endswith((".", "?")) else f"{words}."


def line_of_input(path: Path, function: str, name: str) -> int | None:
    """Return the line in which the function's decorator gives the keyword ``name``, or None where it cannot be told."""
    declared = _function(path, function)
    calls = [call for call in declared.decorator_list if isinstance(call, ast.Call)] if declared else []
    given = [word for call in calls for word in call.keywords]
    return next((word.lineno for word in given if word.arg == name), None)


def line_of_result(path: Path, function: str) -> int | None:
    """Return the line of the function's last ``return``, or of its last statement without one; None if unknown."""
    declared = _function(path, function)
    if declared is None:
        return None
    returns = [node.lineno for node in ast.walk(declared) if isinstance(node, ast.Return)]
    return max(returns, default=declared.body[-1].lineno)


def line_naming(path: Path, function: str, name: str) -> int | None:
    """Return the first line of the function that names a column: as a text, alone or in one, or as an attribute."""
    declared = _function(path, function)
    word = re.compile(rf"\b{re.escape(name)}\b")
    found = []
    for node in ast.walk(declared) if declared else ():
        match node:
            case ast.Constant(value=str(text)) if word.search(text):
                found.append(node.lineno)
            case ast.Attribute(attr=attribute) if attribute == name:
                found.append(node.lineno)
    return min(found, default=None)


def _function(path: Path, function: str) -> ast.FunctionDef | None:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    return next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function), None)
