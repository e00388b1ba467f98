"""Where a test of the library leans on the example, told from its source: nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.folders import ROOT

#: Folders of the example: a clone without them has the whole library.
EXAMPLE = ("contracts", "glue_jobs", "shopsphere")
#: Folders of tests whose subject is the library.
OF_LIBRARY = ("sluice", "localaws", "infra", "lambdas", "step_functions")
#: What these tests may import of others: modules beside all tests, and tools that read any source.
_SHARED = {*OF_LIBRARY, "repository", *(path.stem for path in (ROOT / "tests").glob("*.py"))}
_NAMED = re.compile(rf"({'|'.join(EXAMPLE)})(/.*)?", re.DOTALL)


def library_tests() -> Iterator[Path]:
    """Yield the modules of the library's tests, and those beside all tests."""
    yield from sorted((ROOT / "tests").glob("*.py"))
    for folder in OF_LIBRARY:
        yield from sorted((ROOT / "tests" / folder).rglob("*.py"))


def leaning(source: str) -> list[str]:
    """Return what a module of tests takes of the example: imports, names of modules, and paths."""
    tree = ast.parse(source)
    return sorted({*_imports(tree), *_modules(tree), *_paths(tree)})


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module or ''}.{name}" for name in names]
        for name in names:
            top, _, rest = name.partition(".")
            if top in (*EXAMPLE, "benchmarks") or (top == "tests" and rest.partition(".")[0] not in _SHARED):
                yield f"imports {name}"


def _modules(tree: ast.AST) -> Iterator[str]:
    """Yield texts that name the generator or a module of it, as what replaces a module's name does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and re.fullmatch(r"shopsphere(\.\w+)*", str(node.value)):
            yield f"names {node.value}"


def _paths(tree: ast.AST) -> Iterator[str]:
    joined, computed = set[int](), False
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                joined.add(id(right))
                if _is_root(left):
                    computed |= not isinstance(right, ast.Constant)
                    yield from _in_example(right)
            case ast.Call(func=ast.Attribute(value=owner), args=[first, *_]) if _is_root(owner):
                yield from _in_example(first)
            case ast.Call(func=ast.Name(id="Path" | "load_contract" | "load_contracts" | "load_project"), args=given):
                for each in given:  # from the present folder, which is this repository's for tests
                    for inner in ast.walk(each):
                        if not any(isinstance(other, ast.BinOp) for other in ast.walk(each)):
                            yield from _in_example(inner)
            case ast.JoinedStr(values=[ast.FormattedValue(value=root), ast.Constant(value=str(text)), *_]):
                if _is_root(root):
                    yield from _in_example(ast.Constant(text.removeprefix("/")))
    if computed:  # which path that is, one of the module's texts says
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in joined and node.value in EXAMPLE:
                yield f"may read {node.value}/"


def _in_example(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAMED.fullmatch(node.value):
        yield f"reads {node.value}"


def _is_root(node: ast.AST) -> bool:
    """Whether an expression is this repository's folder: ``ROOT``, or one of the folders above the module."""
    if isinstance(node, ast.Name):
        return node.id in {"ROOT", "_ROOT"}
    above = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "parents"
    return above and any(isinstance(inner, ast.Name) and inner.id == "__file__" for inner in ast.walk(node))
