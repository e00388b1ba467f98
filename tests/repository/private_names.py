"""Which private names of third parties our sources use, and what each looked like when it was read.

What is used, or replaced where `localaws.moto_patches` cannot be imported, stands in ``third_party_names.json``: by its
full name, the digest of its source and the files that rely on it. A new use is entered there by hand (its full name and
its file); then, as after a new version was read, ``python -m tests.repository.private_names`` writes the digests.

Known limits: what a third party's class gets from a metaclass or a descriptor that another module puts in, a method
that a subclass of theirs takes over where we hold no class of ours, and source that is not Python are not noticed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import json
import re
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from tests.repository.imported import ROOT, is_third_party, sources
from tests.repository.replaced import replaced

KNOWN = Path(__file__).with_name("third_party_names.json")

#: What stands beside a digest where the third party has no such name: it is ours, kept on an object of theirs.
NONE = "none"

_PRIVATE = re.compile(r"_(?!_)\w*[a-zA-Z]\w*")
#: Begin with a line below, and are public: https://docs.python.org/3/library/collections.html#collections.somenamedtuple._make
_NAMEDTUPLE = frozenset({"_asdict", "_fields", "_field_defaults", "_make", "_replace"})
_BY_TEXT = frozenset({"getattr", "setattr", "hasattr", "delattr", "getattr_static", "attrgetter", "methodcaller"})
_GUARD = "localaws/moto_patches.py"


def used() -> set[tuple[str, str]]:
    """Return each file of ours with each third party's private or hand-replaced name in it, without its owner's."""
    found = set()
    for path in sources():
        file, source = path.relative_to(ROOT).as_posix(), path.read_text()
        if file == _GUARD:
            continue
        found |= {(file, name) for name in private(source)}
        found |= {(file, _last_name(change.text)) for change in replaced(source)}
        found |= {(file, name) for name in overridden(file, source)}
    return found


def private(source: str) -> set[str]:
    """Return the private names that ``source`` imports from third parties, or asks for and does not define itself."""
    tree = ast.parse(source)
    modules, own = _imported_names(tree), _defined(tree)
    methods = {inner for outer in ast.walk(tree) if isinstance(outer, ast.ClassDef) for inner in ast.walk(outer)}
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found |= {part for alias in node.names for part in _private_parts(alias.name)}
            case ast.ImportFrom() if node.level == 0:
                found |= {part for alias in node.names for part in _private_parts(f"{node.module}.{alias.name}")}
            case ast.Attribute() if _is_private(node.attr):
                root = _root(node.value)
                theirs = root in modules or (root == "self" and node not in methods) or _is_super(node.value)
                if theirs or node.attr not in own:
                    found.add(node.attr)
            case ast.Call() if _name_of(node.func) in _BY_TEXT:
                texts = [part.value for part in node.args if isinstance(part, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str) and _is_private(text) and text not in own}
            case ast.Call() if _root(node.func) in modules:  # `T(_identifier=1)`
                found |= {one.arg for one in node.keywords if one.arg and _is_private(one.arg)}
            case ast.Subscript(slice=ast.Constant(value=str() as text)) if _is_private(text):
                if _name_of(getattr(node.value, "func", node.value)) in {"vars", "__dict__"} and text not in own:
                    found.add(text)
    return found


def overridden(file: str, source: str) -> set[str]:
    """Return the private names of third parties' classes that the classes of a file of ours have themselves, too."""
    tree = ast.parse(source)
    imported = _imported_names(tree)
    derived = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.bases]
    if not any(_root(base) in imported for node in derived for base in node.bases):
        return set()
    kinds = classes_of(file)
    module = kinds[0].__module__ if kinds else ""
    own = {name for name in _defined(tree) if _is_private(name)}
    mixed = {part for kind in kinds for part in kind.__mro__ if part in kinds}
    found = {name for kind in kinds for name in own if _is_inherited(kind, name, module)}
    return {name for name in found if any(name in vars(part) for part in mixed)} | _of_local_classes(tree, imported)


def classes_of(file: str) -> list[type]:
    """Return the classes that a file of ours defines, but for those that its functions make."""
    module: Any = importlib.import_module(file.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
    return [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__]


def _is_inherited(kind: type, name: str, module: str) -> bool:
    others = [base for base in kind.__mro__ if base.__module__ != module]
    return any(name in vars(base) for base in others if is_third_party(base.__module__.partition(".")[0]))


def _of_local_classes(tree: ast.AST, imported: set[str]) -> set[str]:
    """Return every private name of classes that functions make of third parties' classes: nobody can ask these."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    kinds = {node for function in functions for node in ast.walk(function) if isinstance(node, ast.ClassDef)}
    derived = [kind for kind in kinds if any(_root(base) in imported for base in kind.bases)]
    return {name for kind in derived for name in _defined(kind) if _is_private(name)}


def _is_private(name: str) -> bool:
    return _PRIVATE.fullmatch(name) is not None and name not in _NAMEDTUPLE


def _private_parts(path: str) -> Iterator[str]:
    root, *rest = path.split(".")
    return (part for part in (rest if is_third_party(root) else ()) if _is_private(part))


def _imported_names(tree: ast.AST) -> set[str]:
    """Return the names by which a module knows third parties' things."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                path = alias.name if isinstance(node, ast.Import) else f"{'.' * node.level}{node.module}"
                if is_third_party(path.partition(".")[0]):
                    found.add(alias.asname or alias.name.partition(".")[0])
    return found - {""}


def _defined(tree: ast.AST) -> set[str]:
    """Return the names that the classes of a module have, or give themselves."""
    found = set()
    for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for node in kind.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
        for node in ast.walk(kind):
            match node:
                case ast.Attribute(ctx=ast.Store()) if _is_self(node.value):
                    found.add(node.attr)
                case ast.Subscript(ctx=ast.Store(), slice=ast.Constant(value=str() as name)):
                    if isinstance(node.value, ast.Attribute) and node.value.attr == "__dict__":
                        found.add(name)
    return found


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _name_of(node.func) == "super"


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _name_of(node: ast.AST) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "")))


def _last_name(text: str) -> str:
    return str(re.findall(r"\w+", text)[-1])


# ---- what they looked like


def digest(symbol: str) -> str:
    """Return what tells one version of ``package.module.Class._name`` from another, or `NONE` where there is none."""
    found = source_of(symbol)
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16] if found else NONE


def source_of(symbol: str) -> list[str]:
    """Return the source of a symbol: its definition, or of an attribute each statement that gives it a value.

    It is read from the file: what is imported by now may have been replaced. Raises ValueError where there is no file.
    """
    module, rest = module_of(symbol)
    text = Path(module).read_text()
    if not rest:
        return [text]
    tree: Any = _parsed(text)
    scope, around = tree, list[str]()
    for name in rest[:-1]:
        given = list(_giving(scope, name, inside=scope is not tree))
        kind = next((node for node in given if isinstance(node, ast.ClassDef)), None)
        if kind is None:
            raise ValueError(f"{symbol}: there is no class {name} in {module}")
        # What a decorator, a base, or a later statement makes of a class, it makes of all that is in it.
        around += [ast.unparse(part) for part in (*kind.decorator_list, *kind.bases, *kind.keywords)]
        around += [_text(text, node) for node in (*given, *_rebinding(tree, name)) if node is not kind]
        scope = kind
    found = [_text(text, node) for node in _giving(scope, rest[-1], inside=len(rest) > 1)]
    return [*around, *found, *(_text(text, node) for node in _rebinding(tree, rest[-1]))] if found else []


# Symbols are asked for in order: those of one module, or of a few, follow each other.
@functools.lru_cache(maxsize=4)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


@functools.lru_cache(maxsize=8)
def _statements(tree: ast.AST) -> list[ast.AST]:
    """Return a module or class and all statements in it, in the order of `ast.walk`; expressions hold none."""
    found = [tree]
    for node in found:
        inner = ast.iter_child_nodes(node)
        found += [each for each in inner if isinstance(each, ast.stmt | ast.ExceptHandler | ast.match_case)]
    return found


@functools.cache
def module_of(symbol: str) -> tuple[str, list[str]]:
    parts, place, found = symbol.split("."), None, None
    for end in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:end]), place)
        if spec is None:
            break
        if spec.origin and spec.origin.endswith(".py"):
            found = (spec.origin, parts[end:])
        place = spec.submodule_search_locations
        if place is None:
            break
    if found is None:
        raise ValueError(f"{symbol}: there is no module with a source")
    return found


def _giving(tree: ast.AST, name: str, *, inside: bool) -> Iterator[ast.stmt]:
    """Yield the statements of a module or class that define, import or assign ``name``, or ``self.name``."""
    for node in _statements(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name == name and node is not tree:
                yield node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            if any((alias.asname or alias.name) == name for alias in node.names):
                yield node
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for part in (part for target in targets for part in ast.walk(target)):
                of_self = inside and isinstance(part, ast.Attribute) and part.attr == name and _is_self(part.value)
                if of_self or (isinstance(part, ast.Name) and part.id == name):
                    yield node
                    break


def _rebinding(tree: ast.AST, name: str) -> list[ast.stmt]:
    """Return the statements that give ``name`` a value by its text or on an object.

    ``globals()["name"] = …``, ``A.name = …``, ``setattr(A, "name", …)``.
    """
    return _all_rebindings(tree).get(name, [])


@functools.lru_cache(maxsize=4)
def _all_rebindings(tree: ast.AST) -> dict[str, list[ast.stmt]]:
    found: dict[str, list[ast.stmt]] = {}
    for node in _statements(tree):
        parts: list[ast.AST] = []
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete):
            targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
            parts = [part for target in targets for part in ast.walk(target)]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            parts = [*node.value.args, *node.value.keywords] if _name_of(node.value.func) in _SETTERS else []
        for name in {_named(part) for part in parts} - {""}:
            found.setdefault(name, []).append(node)  # type: ignore[arg-type]
    return found


_SETTERS = frozenset({"setattr", "delattr", "update", "setdefault", "pop", "__setattr__", "__setitem__"})


def _named(part: ast.AST) -> str:
    match part:
        case ast.Attribute(attr=str() as text, ctx=ast.Store() | ast.Del()):
            return "" if _is_self(part.value) else text
        case ast.Subscript(slice=ast.Constant(value=str() as text)) | ast.Constant(value=str() as text):
            return text
        case ast.keyword(arg=str() as text):
            return text
    return ""


def _text(text: str, node: ast.stmt) -> str:
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno])


def known() -> dict[str, dict[str, Any]]:
    """Return what is known, by full name: the ``digest`` and the files that it is used ``in``."""
    return dict(json.loads(KNOWN.read_text()))


def unknown(found: set[tuple[str, str]], names: dict[str, dict[str, Any]]) -> list[str]:
    """Return each use that stands in no entry of ``names``."""
    told = {(file, symbol.rpartition(".")[2]) for symbol, entry in names.items() for file in entry["in"]}
    return sorted(f"{file}: {name}" for file, name in found - told)


def unused(found: set[tuple[str, str]], names: dict[str, dict[str, Any]]) -> list[str]:
    """Return each use that stands in an entry of ``names``, and is none any more."""
    told = [(file, symbol) for symbol, entry in names.items() for file in entry["in"]]
    return sorted(f"{file}: {symbol}" for file, symbol in told if (file, symbol.rpartition(".")[2]) not in found)


def changed(names: dict[str, dict[str, Any]]) -> list[str]:
    """Return each symbol whose source is not the one that was read."""
    return sorted(symbol for symbol, entry in names.items() if entry["digest"] != digest(symbol))


if __name__ == "__main__":
    entries = {symbol: {"digest": digest(symbol), "in": sorted(e["in"])} for symbol, e in sorted(known().items())}
    KNOWN.write_text(json.dumps(entries, indent=2) + "\n")
