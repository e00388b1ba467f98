"""What is replaced in moto is what it was when the replacement was written: a new moto is looked at, not hoped for."""

from __future__ import annotations

import functools
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import moto.core.responses
import pytest
from moto.glue.models import GlueBackend, glue_backends
from moto.glue.responses import GlueResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from localaws import moto_patches
from localaws.server import LocalAws
from tests.folders import ROOT
from tests.localaws import patched
from tests.repository import owners


@pytest.fixture
def used(local_aws: LocalAws) -> LocalAws:
    patched.use(local_aws)
    return local_aws


@pytest.mark.usefixtures("used")
def test_every_replaced_symbol_is_the_one_that_was_looked_at() -> None:
    """To take over a new moto: read what changed, adapt the replacement, then `python -m tests.localaws.patched`."""
    found, known = patched.found(), patched.known()
    changed = sorted(symbol for symbol in {*found, *known} if found.get(symbol) != known.get(symbol))
    assert not changed, f"changed: {changed}\nread them, then: python -m tests.localaws.patched"


@pytest.mark.usefixtures("used")
@pytest.mark.slow
def test_nothing_of_ours_is_in_a_third_party_but_what_the_guard_has_put_there() -> None:
    importlib.import_module("sluice.tables.commit")  # which mends PyIceberg, whatever has run before
    elsewhere = set(json.loads((ROOT / "tests" / "repository" / "third_party_names.json").read_text()))
    others = [hole for hole in patched.holes() if not elsewhere & {hole, *owners.replaced(hole)}]
    assert not others, "what `sluice` replaces by hand stands in that list, with its digest"
    symbols = patched.known()
    assert {s for s in symbols if s.startswith("moto.athena.responses.")}, "Athena's operations are seen"
    assert {s for s in symbols if s.startswith("moto.cloudformation.responses.")}, "CloudFormation's are"
    assert {s for s in symbols if s.startswith("moto.glue.models.GlueBackend.")}, "and the catalog's"


def _ours(*args: Any) -> None:
    """Put where it should not be."""


class _OursWithWraps:
    put_object = functools.wraps(GlueBackend.get_table)(lambda *_: None)


_PLACES: dict[str, tuple[Any, str, Any]] = {
    "a method": (GlueBackend, "get_table", _ours),
    "one that says it is moto's": (GlueBackend, "get_table", _OursWithWraps.put_object),
    "a static one": (GlueBackend, "get_table", staticmethod(_ours)),
    "a property": (GlueBackend, "get_table", property(_ours)),
    "a partial one": (GlueBackend, "get_table", functools.partial(_ours, 1)),
    "one with a memory": (GlueBackend, "get_table", functools.cache(_ours)),
    "a new operation": (GlueResponse, "get_nothing", _ours),
    "a function of a module": (moto.core.responses, "camelcase_to_underscores", _ours),
    "a class of a module": (moto.core.responses, "ActionResult", _OursWithWraps),
    "an object of a module": (moto.core.responses, "log", _OursWithWraps()),
    "a method of one object": (glue_backends, "get_table", _ours),
    # asked for when it is tried: each start of a local AWS makes the backends anew
    "a method of one region's backend": (lambda: glue_backends["123456789012"]["us-east-1"], "get_table", _ours),
    "an entry of a table": (moto.core.responses, "TABLE", {"key": _ours}),
    "a nested class's method": (moto.core.responses.BaseResponse, "Nested", type("Nested", (), {"of": _ours})),
}


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("place", _PLACES)
def test_whatever_goes_round_the_guard_is_found(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, thing = _PLACES[place]
    monkeypatch.setattr(owner() if isinstance(owner, FunctionType) else owner, name, thing, raising=False)
    assert [hole.rpartition(".")[2] for hole in patched.holes("moto.")] == [name]


@pytest.mark.usefixtures("used")
def test_what_the_guard_has_put_elsewhere_is_found_under_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    put = moto_patches.replacements()["moto.glue.models.GlueBackend.get_table"]
    monkeypatch.setattr(GlueBackend, "get_tables", put)
    assert patched.holes("moto.") == ["moto.glue.models.GlueBackend.get_tables"]


# ---- the ways in


class _Base:
    def inherited(self) -> str:
        return "theirs"


class _Theirs(_Base):
    table: dict[str, int] = {"a": 1}  # noqa: RUF012  as a third party may have it
    kinds: set[str] = {"a"}  # noqa: RUF012

    def method(self) -> str:
        return "theirs"


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], type]]:
    monkeypatch.setattr(moto_patches, "_places", {})

    def make() -> type:
        return type("Made", (_Theirs,), {name: value for name, value in vars(_Theirs).items() if name[0] != "_"})

    return make


def test_a_symbol_that_is_gone_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        moto_patches.replace(DomainDispatcherApplication, "no_such_thing", None)
    with pytest.raises(AttributeError, match="no_such_thing"):
        moto_patches.extend(DomainDispatcherApplication, "no_such_thing", {})
    with pytest.raises(AttributeError, match="no_such_thing"):
        moto_patches.original(DomainDispatcherApplication, "no_such_thing")


def test_the_original_is_told_before_and_after_and_however_often_it_is_replaced(theirs: Callable[[], Any]) -> None:
    owner = theirs()
    was = vars(owner)["method"]
    assert moto_patches.original(owner, "method") is was
    for number in range(3):
        moto_patches.replace(owner, "method", lambda self, number=number: f"ours {number}")
        assert (owner().method(), moto_patches.original(owner, "method")) == (f"ours {number}", was)
    moto_patches.restore(owner, "method")
    assert vars(owner)["method"] is was
    assert list(moto_patches.originals().values()) == [was]


def test_what_was_inherited_is_inherited_again_after_it_is_restored(theirs: Callable[[], Any]) -> None:
    owner = theirs()
    moto_patches.replace(owner, "inherited", lambda self: "ours")
    assert (owner().inherited(), _Base().inherited()) == ("ours", "theirs")
    moto_patches.restore(owner, "inherited")
    assert "inherited" not in vars(owner)
    assert owner().inherited() == "theirs"


def test_a_name_can_be_added_only_where_there_is_none(theirs: Callable[[], Any]) -> None:
    owner = theirs()
    for _ in range(2):  # a second local AWS adds it again
        moto_patches.add(owner, "new", 1)
    assert set(map(patched.digest, moto_patches.originals().values())) == {"absent"}
    with pytest.raises(AttributeError, match="third party has none"):
        moto_patches.original(owner, "new")
    moto_patches.restore(owner, "new")
    assert not hasattr(owner, "new")
    for name in ("method", "inherited"):
        with pytest.raises(AttributeError, match="is there now"):
            moto_patches.add(owner, name, 1)


def test_put_replaces_what_is_there_and_adds_what_is_not(theirs: Callable[[], Any]) -> None:
    owner = theirs()
    was = vars(owner)["method"]
    for _ in range(2):
        moto_patches.put(owner, "method", 1)
        moto_patches.put(owner, "new", 1)
    assert list(moto_patches.originals().values()) == [was, moto_patches.ABSENT]


def test_entries_are_added_to_the_table_that_others_know_too_and_what_it_held_is_remembered(
    theirs: Callable[[], Any],
) -> None:
    owner = theirs()
    owner.table, owner.kinds = {"a": 1}, {"a"}
    known_elsewhere = owner.table
    for _ in range(2):
        moto_patches.extend(owner, "table", {"b": 2})
        moto_patches.extend(owner, "kinds", {"b"})
    assert (known_elsewhere, owner.kinds) == ({"a": 1, "b": 2}, {"a", "b"})
    assert list(moto_patches.originals().values()) == [{"a": 1}, {"a"}]


def test_everywhere_is_wherever_it_was_imported_by_its_name(
    theirs: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    del theirs
    modules = {name: ModuleType(name) for name in ("toy", "toy.home", "toy.user", "toy.other", "toys")}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
        module.thing = "another" if name == "toy.other" else _ours  # type: ignore[attr-defined]
    for new in ("first", "second"):
        moto_patches.replace_everywhere(modules["toy.home"], "thing", new, within="toy")
        assert [module.thing for module in modules.values()] == [new, new, new, "another", _ours]
    assert moto_patches.originals() == {"toy.home.thing": _ours}


def test_a_digest_knows_neither_the_order_of_a_set_nor_an_address() -> None:
    some = {f"name {number}" for number in range(20)}
    assert patched.digest(some) == patched.digest(dict.fromkeys(sorted(some, reverse=True)).keys() & some)
    assert patched.digest({"a": len, "b": some}) == patched.digest({"b": frozenset(some), "a": len})
    assert patched.digest({"a": 1}) != patched.digest({"a": 2})
