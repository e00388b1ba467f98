"""``docs/reference/python.md``: what a project may import, with signatures and docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.docs.reference.page import page, paragraphs, said
from tests.folders import ROOT

#: The table of CONTRIBUTING.md that says what others may import. Errors have a page of their own.
_LISTED = re.findall(
    r"^\| `((?:sluice|localaws)[\w.]*)` \| (.+?) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
)
MODULES = [(name, what) for name, what in _LISTED if name != "sluice.errors"]


def python_page() -> str:
    """Return the page."""
    parts = []
    for name, what in MODULES:
        module = importlib.import_module(name.removeprefix("sluice.") if name.startswith("sluice.infra") else name)
        parts += [f"## {name}", f"{what[0].upper()}{what[1:]}.", *_names(name, module)]
    return page("Python", "What a project's code may import. All else may change with any release.", *parts)


def _names(path: str, module: ModuleType) -> Iterator[str]:
    for name in module.__all__:
        value = getattr(module, name)
        yield f"### {path}.{name}"
        if inspect.isfunction(value):
            yield _signature(name, value)
            yield paragraphs(inspect.getdoc(value), f"{path}.{name}")
        elif inspect.isclass(value):
            yield paragraphs(inspect.getdoc(value), f"{path}.{name}")
            yield from _members(f"{path}.{name}", value)
        else:
            yield said(_comment(module, name), f"{path}.{name}").replace("``", "`")


def _members(path: str, kind: type[Any]) -> Iterator[str]:
    """Yield a class's fields with their defaults, and its own methods."""
    annotated = [
        (name, kind_) for name, kind_ in vars(kind).get("__annotations__", {}).items() if not name.startswith("_")
    ]
    if annotated:
        yield "Fields: " + ", ".join(f"`{name}: {_type(of)}`" for name, of in annotated) + "."
    for name, member in vars(kind).items():
        inner = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if name.startswith("_") or not (inspect.isfunction(inner) or isinstance(inner, property)):
            continue
        told = said(inner.__doc__ and inner.__doc__.split("\n\n")[0], f"{path}.{name}").replace("``", "`")
        plain = "" if isinstance(inner, property) else re.sub(r"\((?:self|cls)(?:, )?", "(", _plain(inner))
        yield f"`.{name}{plain}`: {told}"


def _type(of: object) -> str:
    # Fields of a named tuple are kept as references that are looked up later.
    return of if isinstance(of, str) else getattr(of, "__forward_arg__", None) or getattr(of, "__name__", str(of))


def _signature(name: str, function: Any) -> str:
    given = inspect.signature(function)
    if len(f"{name}{_plain(function)}") <= 100:
        return f"```text\n{name}{_plain(function)}\n```"
    parts = [str(each) for each in given.parameters.values()]
    star = next((i for i, each in enumerate(given.parameters.values()) if each.kind is each.KEYWORD_ONLY), None)
    if star is not None:
        parts.insert(star, "*")
    lines = ",\n".join(f"    {part.replace(chr(39), '')}" for part in parts)
    return f"```text\n{name}(\n{lines},\n) -> {_type(given.return_annotation)}\n```"


def _plain(function: Any) -> str:
    # A default that is an object shows where it lies in memory.
    return re.sub(r"<\w+ \S+ at 0x[0-9a-f]+>", "…", str(inspect.signature(function))).replace("'", "")


def _comment(module: ModuleType, name: str) -> str | None:
    """Return the ``#:`` comment before a constant, in its module or a part of it."""
    folder = Path(str(module.__file__)).parent
    for file in [Path(str(module.__file__)), *sorted(folder.glob("*.py"))]:
        if found := re.search(rf"^((?:#: ?.*\n)+){name}\b", file.read_text(), re.MULTILINE):
            return re.sub(r"^#: ?", "", found[1], flags=re.MULTILINE)
    return None
