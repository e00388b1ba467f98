"""Finds, in source text, what puts something of ours in a third party's classes, modules and tables by hand.

It is a reader, not a run: what a name stands for is told from one file, and from what that imports of ours. Known
limits, which a review must see: text that is run (``exec``, ``ctypes``), an owner that a function returns, that stands
in an attribute of anything but ``self``, that is reached through a module of ours (``ours.Theirs.x = f``) or handed to
a function of another module, and objects found by ``gc`` or a frame.
"""

from __future__ import annotations

import ast
import functools
import importlib
from collections.abc import Iterator, MutableMapping, MutableSequence, MutableSet
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from tests.repository.imported import is_third_party, passed_on

_MUTATORS = frozenset(
    {"update", "append", "add", "setdefault", "pop", "popitem", "insert", "extend", "remove", "discard", "clear"}
)
_SETTERS = frozenset({"setattr", "delattr"})
#: Replace what they are given or what they find by its name: wrapt's, and pytest's and mock's `patch`.
_PATCHERS = frozenset({"wrap_function_wrapper", "patch_function_wrapper", "wrap_object", "wrap_object_attribute"})
_SETTING_METHODS = frozenset({"__setattr__", "__delattr__", "__setitem__", "__delitem__"})
#: What gives the thing it is given, or something that is part of it.
_SAME = frozenset({"vars", "getattr", "getattr_static", "cast", "import_module", "__import__", "reload", "next"})
#: What gives a new thing that holds the parts of what it is given.
_HOLDERS = frozenset({"list", "tuple", "set", "dict", "sorted", "iter", "reversed", "enumerate", "zip", "filter"})
_HOLDING_METHODS = frozenset({"values", "items", "mro", "__subclasses__", "copy"})

_BINDING = (
    ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.comprehension,
    ast.withitem,
)  # fmt: skip


class Kind(IntEnum):
    """What a name stands for.

    ``HOLDER`` is a collection of ours with third parties' things in it, ``BACKENDS`` moto's backends by account and
    region and each of these: what they hold is the state of the local AWS.
    """

    OURS, HOLDER, THEIRS, BACKENDS = range(4)


@dataclass(frozen=True, order=True)
class Replaced:
    """One place in a source where a third party's thing is changed: the line, and the change as it is written."""

    line: int
    text: str


def replaced(source: str) -> list[Replaced]:
    """Return every change that ``source`` makes to what it imports from third parties, by itself."""
    tree = ast.parse(source)
    module = _Module({}, {}, {}, _passed_setters(tree))
    while True:
        before = dict(module.given)
        found = sorted(set(_Scope(tree, {}, module).found()))
        if module.given == before:
            return found


@dataclass(frozen=True)
class _Module:
    """What is found out about a whole module.

    ``given``: what its functions are called with, by the function's name and the parameter's place or name, and what
    its objects' own attributes hold (``self``, name). ``origins``: what its imports name. ``nodes``: those of each
    scope, found once. ``setters``: where it names `setattr` and does not call it.
    """

    given: dict[tuple[str, int | str], Kind]
    origins: dict[str, str]
    nodes: dict[ast.AST, list[ast.AST]]
    setters: frozenset[int]


class _Scope:
    """One module, class, function or comprehension, and what its names stand for."""

    def __init__(self, node: ast.AST, outer: dict[str, Kind], module: _Module) -> None:
        self._node, self._module = node, module
        if node not in module.nodes:
            module.nodes[node] = list(_own_nodes(node))
        self._nodes = module.nodes[node]
        self._names = {**outer, **dict.fromkeys(_bound(self._nodes), Kind.OURS)}
        self._read_parameters()
        binding = [inner for inner in self._nodes if isinstance(inner, _BINDING)]
        for _ in range(3):  # a name may stand for another that is bound further down
            for inner in binding:
                self._bind(inner)

    def found(self) -> Iterator[Replaced]:
        for node in self._nodes:
            if isinstance(node, ast.Call):
                self._remember_given(node)
            if self._changes(node):
                yield Replaced(node.lineno, ast.unparse(node))  # type: ignore[attr-defined]
            if _opens(node):
                yield from _Scope(node, self._names, self._module).found()

    # ---- what names stand for

    def _read_parameters(self) -> None:
        if isinstance(self._node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            given = self._node.args
            for one in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
                if one is None:
                    continue
                written = one.annotation
                is_class = isinstance(written, ast.Subscript) and ast.unparse(written.value) in {"type", "Type"}
                self._names[one.arg] = self.kind(written.slice) if is_class else Kind.OURS  # type: ignore[union-attr]
            self._read_given([*given.posonlyargs, *given.args, *given.kwonlyargs])
            defaults = [*given.defaults, *(one for one in given.kw_defaults if one)]
            named = [*given.posonlyargs, *given.args][-len(given.defaults) or None :] if given.defaults else []
            for one, default in zip(named, defaults, strict=False):
                self._names[one.arg] = max(self._names[one.arg], self.kind(default))

    def _read_given(self, parameters: list[ast.arg]) -> None:
        function = getattr(self._node, "name", "")
        for place, one in enumerate(parameters):
            for at in (place, one.arg):
                self._names[one.arg] = max(self._names[one.arg], self._module.given.get((function, at), Kind.OURS))

    def _remember_given(self, node: ast.Call) -> None:
        if name := _last(node.func):
            # A method's own object comes before what it is given.
            first = int(isinstance(node.func, ast.Attribute))
            places: list[tuple[int | str | None, ast.expr]] = [*enumerate(node.args, first)]
            places += [(keyword.arg, keyword.value) for keyword in node.keywords]
            for at, value in places:
                if at is not None and (kind := self.kind(value)):
                    key = (name, at)
                    self._module.given[key] = max(self._module.given.get(key, Kind.OURS), kind)

    def _bind(self, node: ast.AST) -> None:
        match node:
            case ast.Import():
                for alias in node.names:
                    self._imported(alias.asname or alias.name.partition(".")[0], alias.name)
            case ast.ImportFrom() if node.level == 0 and node.module:
                for alias in node.names:
                    self._imported(alias.asname or alias.name, f"{node.module}.{alias.name}")
            case ast.Assign():
                for target in node.targets:
                    self._assign(target, node.value)
            case ast.AnnAssign() | ast.NamedExpr() if node.value is not None:
                self._give(node.target, self.kind(node.value))
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                self._give(node.target, self._item(node.iter))
            case ast.withitem() if node.optional_vars is not None:
                self._give(node.optional_vars, self.kind(node.context_expr))

    def _imported(self, name: str, origin: str) -> None:
        if is_third_party(origin.partition(".")[0]):
            self._names[name] = Kind.BACKENDS if _is_backends(origin) else Kind.THEIRS
            self._module.origins[name] = origin
        elif origin == "sys.modules":
            self._names[name] = Kind.THEIRS
        elif theirs := passed_on(origin):
            self._imported(name, theirs)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for part, given in zip(target.elts, value.elts, strict=True):
                self._assign(part, given)
        else:
            self._give(target, self.kind(value))

    def _give(self, target: ast.expr, kind: Kind) -> None:
        if isinstance(target, ast.Name):
            self._names[target.id] = max(self._names.get(target.id, Kind.OURS), kind)
            if isinstance(self._node, ast.ClassDef) and kind is Kind.THEIRS:
                self._module.given[("self", target.id)] = kind
        elif isinstance(target, ast.Attribute) and _is_self(target.value) and kind is Kind.THEIRS:
            self._module.given[("self", target.attr)] = kind
        elif isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._give(part, Kind.THEIRS if kind else Kind.OURS)
        elif isinstance(target, ast.Starred):
            self._give(target.value, kind)

    def _item(self, iterated: ast.expr) -> Kind:
        return Kind.THEIRS if self.kind(iterated) else Kind.OURS

    def kind(self, node: ast.expr | None) -> Kind:
        """Return what an expression gives."""
        match node:
            case ast.Name():
                return self._names.get(node.id, Kind.OURS)
            case ast.Attribute():
                if node.attr == "modules" and ast.unparse(node) == "sys.modules":
                    return Kind.THEIRS
                if _is_self(node.value):
                    return self._module.given.get(("self", node.attr), Kind.OURS)
                return Kind.THEIRS if self.kind(node.value) is Kind.THEIRS else Kind.OURS
            case ast.Subscript():
                held = self.kind(node.value)
                return Kind.THEIRS if held is Kind.HOLDER else held
            case ast.Starred() | ast.Await() | ast.NamedExpr():
                return self.kind(node.value)
            case ast.IfExp():
                return max(self.kind(node.body), self.kind(node.orelse))
            case ast.BoolOp():
                return max(map(self.kind, node.values))
            case ast.BinOp():
                return Kind.HOLDER if self.kind(node.left) or self.kind(node.right) else Kind.OURS
            case ast.Tuple() | ast.List() | ast.Set():
                return Kind.HOLDER if any(map(self.kind, node.elts)) else Kind.OURS
            case ast.Dict():
                return Kind.HOLDER if any(map(self.kind, node.values)) else Kind.OURS
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                inner = _Scope(node, self._names, self._module)
                return Kind.HOLDER if inner.kind(node.elt) else Kind.OURS
            case ast.Call():
                return self._called(node)
        return Kind.OURS

    def _called(self, node: ast.Call) -> Kind:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = max((self.kind(argument) for argument in node.args), default=Kind.OURS)
        if name in {"import_module", "__import__"} and node.args:
            path = node.args[0].value if isinstance(node.args[0], ast.Constant) else "unknown"
            return Kind.THEIRS if is_third_party(str(path).partition(".")[0]) else Kind.OURS
        if name in _SAME and given:
            return Kind.THEIRS
        if name in _HOLDERS and given:
            return Kind.HOLDER
        if isinstance(node.func, ast.Attribute) and self.kind(node.func.value):
            if name in _HOLDING_METHODS:
                return Kind.HOLDER
            if name in {"get", "__getitem__", "__getattribute__"}:
                return Kind.THEIRS
        return Kind.OURS  # a new object, with what it holds

    # ---- what is changed

    def _changes(self, node: ast.AST) -> bool:
        if id(node) in self._module.setters:
            return True
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                if node.attr == "__class__":
                    return True
                own = isinstance(node.value, ast.Call) and ast.unparse(node.value) in {"type(self)", "vars(self)"}
                of_kind = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "type" and not own
                return of_kind or self.kind(node.value) >= Kind.THEIRS
            case ast.Subscript(ctx=ast.Store() | ast.Del()):
                return self.kind(node.value) >= Kind.THEIRS
            case ast.Import() | ast.ImportFrom():
                package = getattr(node, "module", None)
                if package == "builtins" and _SETTERS & {alias.name for alias in node.names}:
                    return True
                paths = {".".join(filter(None, (package, alias.name))) for alias in node.names}
                return any(path.startswith("unittest.mock") for path in paths)
            case ast.Call():
                return self._call_changes(node)
        return False

    def _call_changes(self, node: ast.Call) -> bool:
        called, first = _last(node.func), node.args[0] if node.args else None
        if called in _PATCHERS or (called in _SETTERS and not _is_self(first)):
            return True
        if not isinstance(node.func, ast.Attribute):
            return False
        method = node.func.attr
        if method in _SETTING_METHODS | {"setitem", "delitem"}:
            holder = ast.unparse(node.func.value) in {"object", "type", "dict", "list", "operator"}
            return (holder and not _is_self(first)) or (not holder and self.kind(node.func.value) >= Kind.THEIRS)
        if method not in _MUTATORS:
            return False
        if ast.unparse(node.func.value) in {"dict", "list", "set"}:
            return self.kind(first) >= Kind.THEIRS
        return self.kind(node.func.value) >= Kind.THEIRS and self._is_table(node.func.value)

    def _is_table(self, node: ast.expr) -> bool:
        """Whether ``node`` may be a collection: not if it is known to be a module or a class or something else."""
        name, _, rest = ast.unparse(node).partition(".")
        if not isinstance(node, ast.Name | ast.Attribute) or name not in self._module.origins:
            return True
        thing = _imported_thing(".".join(filter(None, (self._module.origins[name], rest))))
        return thing is None or isinstance(thing, MutableMapping | MutableSequence | MutableSet)


def _last(node: ast.AST) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "")))


def _passed_setters(tree: ast.AST) -> frozenset[int]:
    """Return the nodes, by identity, that name `setattr` or `delattr` and do not call it: that is done elsewhere."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(id(node) for node in ast.walk(tree) if _last(node) in _SETTERS and id(node) not in called)


def _is_backends(origin: str) -> bool:
    """Whether this is moto's: each service's module has its own under such a name."""
    return origin.startswith("moto.") and origin.endswith("_backends")


@functools.cache
def _imported_thing(path: str) -> Any:
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            thing = getattr(thing, part, None)
        return thing
    return None


def _is_self(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}


def _opens(node: ast.AST) -> bool:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    return isinstance(node, (*kinds, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of one scope, and of those inside it only where they begin."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not _opens(node):
            waiting += ast.iter_child_nodes(node)
        else:  # what is evaluated outside of it
            waiting += [*getattr(node, "decorator_list", []), *getattr(node, "bases", [])]


def _bound(nodes: list[ast.AST]) -> set[str]:
    """Return the names that a scope with these nodes binds itself, so that they hide those of the scopes around it."""
    told = {name for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}
    return (stored | defined | imported) - told
