"""What of ours stands in third parties' classes and modules: what is known of it, and what went round the guard.

``python -m tests.localaws.patched`` writes anew what is known, after a new moto was read and the replacements adapted.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType, GetSetDescriptorType, MethodType, ModuleType
from typing import Any

from moto.core.base_backend import AccountSpecificBackend, BackendDict

from localaws import moto_patches
from localaws.moto_patches import ABSENT
from localaws.server import LocalAws
from tests.repository.imported import OURS, is_third_party

KNOWN = Path(__file__).with_name("moto_symbols.json")

#: What runs the tests holds some of them.
_RUNNERS = frozenset({"_pytest", "pytest", "pluggy", "xdist", "execnet", "hypothesis", "_hypothesis_pytestplugin"})


def use(aws: LocalAws) -> None:
    """Have everything in place that is put there with the first call of a service."""
    aws.warm_up()
    aws.context.client("athena").list_work_groups()
    aws.context.client("glue").get_databases()
    aws.context.client("apigateway").get_rest_apis()


def digest(original: Any) -> str:
    """Return what tells one version of a symbol from another: of its source where it has one, else of what it holds."""
    if original is ABSENT:
        return "absent"
    if isinstance(original, staticmethod | classmethod):
        original = original.__func__
    if isinstance(original, property):
        original = original.fget
    try:
        text = inspect.getsource(original)
    except TypeError:
        text = _told(original)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _told(value: Any) -> str:
    """A value's text in which neither the order of sets nor an address in memory shows."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(sorted(f"{_told(key)}: {_told(item)}" for key, item in value.items())) + "}"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(_told, value))) + "}"
    return str(value.__qualname__) if callable(value) else repr(value)


def known() -> dict[str, str]:
    """Return the digest of each replaced symbol as it was when its replacement was written."""
    return dict(json.loads(KNOWN.read_text()))


def found() -> dict[str, str]:
    """Return the digest of each symbol that is replaced by now."""
    return {symbol: digest(original) for symbol, original in sorted(moto_patches.originals().items())}


def holes(within: str = "") -> list[str]:
    """Return the full name of everything of ours in third parties' loaded modules that `moto_patches` did not put.

    ``within`` is how the names of the modules begin that are looked through.
    """
    put = moto_patches.replacements()
    everywhere = {(symbol.rpartition(".")[2], id(thing)) for symbol, thing in put.items()}
    return sorted(
        place
        for place, name, value in _places(within)
        if put.get(place, put) is not value and (name, id(value)) not in everywhere and _of_ours(value)
    )


def _places(within: str) -> Iterator[tuple[str, str, Any]]:
    """Each name in a third party's module or class with its value, and what tables and single objects there hold."""
    seen: set[int] = set()
    for module_name, module in list(sys.modules.items()):
        root = module_name.partition(".")[0]
        if not isinstance(module, ModuleType) or not module_name.startswith(within) or id(module) in seen:
            continue
        if is_third_party(root) and root not in _RUNNERS:
            seen.add(id(module))
            yield from _within(module.__name__, vars(module), seen)


def _within(owner: str, held: Mapping[str, Any], seen: set[int]) -> Iterator[tuple[str, str, Any]]:
    for name, value in list(held.items()):
        yield f"{owner}.{name}", name, value
        if id(value) in seen or isinstance(value, ModuleType):
            continue
        if isinstance(value, type):
            if _is_theirs(value):
                seen.add(id(value))
                yield from _within(f"{value.__module__}.{value.__qualname__}", vars(value), seen)
            continue
        yield from _parts(f"{owner}.{name}", value, seen)


def _parts(place: str, value: Any, seen: set[int]) -> Iterator[tuple[str, str, Any]]:
    """What a table holds, and a third party's object; of moto's backends also what those of each region do."""
    if isinstance(value, dict | list | set | tuple):
        items = list(value.values() if isinstance(value, dict) else value)
        yield from ((place, "", item) for item in items)
        if isinstance(value, BackendDict | AccountSpecificBackend):
            for item in items:
                yield from _parts(place, item, seen)
    if _is_theirs(type(value)):
        seen.add(id(value))
        yield from ((f"{place}.{part}", part, item) for part, item in _own_of(value).items())


def _own_of(value: Any) -> dict[str, Any]:
    """The attributes of one object, without asking it: a proxy would pass the question on."""
    held = next((vars(kind)["__dict__"] for kind in type(value).__mro__ if "__dict__" in vars(kind)), None)
    return dict(held.__get__(value)) if isinstance(held, GetSetDescriptorType) else {}


def _is_theirs(kind: type) -> bool:
    return is_third_party(str(kind.__module__).partition(".")[0])


def _of_ours(value: Any) -> bool:
    """Whether our code defines ``value``, whatever ``functools.wraps`` made it say of itself."""
    if isinstance(value, staticmethod | classmethod | MethodType):
        return _of_ours(value.__func__)
    if isinstance(value, property):
        return any(_of_ours(part) for part in (value.fget, value.fset, value.fdel) if part)
    if isinstance(value, functools.cached_property | functools.partial | functools.partialmethod):
        return _of_ours(value.func)
    if isinstance(value, FunctionType):
        return _is_ours(value.__globals__.get("__name__"))
    if isinstance(value, type):
        return _is_ours(value.__module__)
    if isinstance(value, functools._lru_cache_wrapper):
        return _of_ours(value.__wrapped__)
    return _is_ours(type(value).__module__)


def _is_ours(module: object) -> bool:
    return str(module).partition(".")[0] in OURS


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch, LocalAws.start(scratch=Path(scratch) / "aws") as running:
        use(running)
        KNOWN.write_text(json.dumps(found(), indent=2) + "\n")
