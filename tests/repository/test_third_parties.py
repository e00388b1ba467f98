"""What we change in third parties, and what we use of them that is private, is known and as it was when it was read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.repository import owners, private_names
from tests.repository.imported import ROOT
from tests.repository.private_names import NONE, digest, private
from tests.repository.replaced import replaced


@pytest.fixture(scope="module")
def used() -> set[tuple[str, str]]:
    return private_names.used()


@pytest.mark.slow
def test_every_private_or_replaced_name_of_a_third_party_is_known(used: set[tuple[str, str]]) -> None:
    """A new one goes round the guard: use a public name, `localaws.moto_patches`, or enter it."""
    found = private_names.unknown(used, private_names.known())
    assert not found, f"enter the full names in {private_names.KNOWN.name}: {found}"


@pytest.mark.slow
def test_what_is_known_is_used(used: set[tuple[str, str]]) -> None:
    assert private_names.unused(used, private_names.known()) == []


@pytest.mark.slow
def test_what_is_known_is_what_was_read() -> None:
    """To take over a new version: read what changed, adapt, then `python -m tests.repository.private_names`."""
    changed = private_names.changed(private_names.known())
    assert not changed, f"changed: {changed}\nread them, then: python -m tests.repository.private_names"


def test_a_use_that_nobody_entered_and_an_entry_that_nobody_uses_are_named() -> None:
    names = {"pkg.mod._a": {"digest": "", "in": ["sluice/a.py"]}}
    assert private_names.unknown({("sluice/a.py", "_a"), ("sluice/b.py", "_a")}, names) == ["sluice/b.py: _a"]
    assert private_names.unknown({("sluice/a.py", "_b")}, names) == ["sluice/a.py: _b"]
    assert private_names.unused({("sluice/b.py", "_a")}, names) == ["sluice/a.py: pkg.mod._a"]


# ---- toys: every way round `replace` that anybody thought of

_IMPORTS = """
import sys
from typing import Any, cast
from moto.glue.models import GlueBackend
import moto.core.responses as m
"""

_CHANGES = [
    "GlueBackend.get_table = f",
    "m.BaseResponse.get = f",
    "GlueBackend.get_table, other = f, g",
    "GlueBackend.limit += 1",
    "GlueBackend.limit: int = 1",
    "del GlueBackend.get_table",
    "for GlueBackend.x in range(3): pass",
    "with open(p) as GlueBackend.x: pass",
    "setattr(GlueBackend, 'get_table', f)",
    "delattr(GlueBackend, 'get_table')",
    "type.__setattr__(GlueBackend, 'get_table', f)",
    "b: Any = GlueBackend\nb.get_table = f",
    "a = b = GlueBackend\na.get_table = f",
    "a, b = GlueBackend, 1\na.get_table = f",
    "(b := GlueBackend).get_table = f",
    "b = cast(Any, GlueBackend)\nb.get_table = f",
    "b = GlueBackend if x else None\nb.get_table = f",
    "b = x and GlueBackend\nb.get_table = f",
    "getattr(m, 'BaseResponse').get = f",
    "vars(m)['BaseResponse'] = f",
    "vars(m).update(BaseResponse=f)",
    "m.__dict__['BaseResponse'] = f",
    "m.TABLE['key'] = f",
    "m.TABLE |= {'key': f}",
    "m.TABLE.update(key=f)",
    "m.TABLE.setdefault('key', f)",
    "dict.update(m.TABLE, key=f)",
    "m.KINDS.add(f)",
    "m.LIST.append(f)",
    "t = m.TABLE\nt['key'] = f",
    "from moto.core import TABLE\nTABLE['key'] = f",
    "from moto.core import TABLE\nTABLE.pop('key')",
    "sys.modules['moto.core'] = f",
    "sys.modules['moto.core'].f = f",
    "from sys import modules\nmodules['moto.core'].f = f",
    "import importlib\nimportlib.import_module('moto.core').f = f",
    "import importlib\nc = importlib.import_module('moto.core')\nc.f = f",
    "for kind in (GlueBackend, m.BaseResponse):\n    kind.get = f",
    "for kind in vars(m).values():\n    kind.TYPE = kind.__name__",
    "for name, kind in list(vars(m).items()):\n    kind.TYPE = name",
    "for kind in GlueBackend.__subclasses__():\n    kind.get = f",
    "for name, module in list(sys.modules.items()):\n    module.f = f",
    "[setattr(kind, 'f', f) for kind in (GlueBackend,)]",
    "KINDS = [GlueBackend]\nKINDS[0].get = f",
    "KINDS = {'a': GlueBackend}\nKINDS['a'].get = f",
    "KINDS = {'a': GlueBackend}\nfor kind in KINDS.values():\n    kind.get = f",
    "def patch(kind: type[GlueBackend]):\n    kind.get = f",
    "def patch(kind=GlueBackend):\n    kind.get = f",
    "def patch(kind):\n    kind.get = f\npatch(GlueBackend)",
    "def patch(name, kind):\n    kind.get = f\nfor k in (GlueBackend,):\n    patch('x', kind=k)",
    "def patch(kind):\n    again(kind)\ndef again(kind):\n    kind.get = f\npatch(GlueBackend)",
    "def patch(owner):\n    setattr(owner, 'get', f)",
    "def install():\n    from moto.s3.models import S3Backend\n    S3Backend.put = f",
    "class A:\n    def install(self):\n        GlueBackend.get = f",
    "install = lambda: setattr(GlueBackend, 'get', f)",
    "class A:\n    GlueBackend.get = f",
    "def use(thing):\n    thing.__class__ = Ours",
    "def use(thing):\n    type(thing).get = f",
    "from moto.glue.models import glue_backends\nglue_backends['1']['r'].get_table = f",
    "from moto.glue.models import glue_backends\nb = glue_backends['1']['r']\nb.get_table = f",
    "from unittest import mock\nmock.patch.object(GlueBackend, 'get', f).start()",
    "import unittest.mock",
    "try:\n    pass\nfinally:\n    GlueBackend.get = f",
    "if x:\n    async def a():\n        GlueBackend.get = f",
    "put = setattr\nput(GlueBackend, 'get', f)",
    "put, n = setattr, 1\nput(GlueBackend, 'get', f)",
    "(put := setattr)(GlueBackend, 'get', f)",
    "import functools\nfunctools.partial(setattr, GlueBackend)('get', f)",
    "list(map(setattr, [GlueBackend], ['get'], [f]))",
    "class A:\n    owner = GlueBackend\n    def put(self):\n        self.owner.x = f",
    "import builtins\nbuiltins.setattr(GlueBackend, 'get', f)",
    "import builtins\nput = builtins.setattr\nput(GlueBackend, 'get', f)",
    "from builtins import setattr as put\nput(GlueBackend, 'get', f)",
    "import pytest\npytest.MonkeyPatch().setattr(GlueBackend, 'get', f)",
    "import pytest\nwith pytest.MonkeyPatch.context() as p:\n    p.setattr('moto.core.f', f)",
    "import wrapt\nwrapt.wrap_function_wrapper('moto.core', 'f', f)",
    "from wrapt import wrap_function_wrapper\nwrap_function_wrapper(m, 'f', f)",
    "import wrapt\n@wrapt.patch_function_wrapper('moto.core', 'f')\ndef f(*a): ...",
    "class A:\n    def __init__(self):\n        self.owner = GlueBackend\n    def put(self):\n        self.owner.x = f",
    "class A:\n    def put(self):\n        self.owner.x = f\n    def __init__(self):\n        self.owner = m",
    "class A:\n    def put(self, owner):\n        owner.x = f\nA().put(GlueBackend)",
    "class A:\n    def put(self, name, owner):\n        owner.x = f\n    def go(self):\n        self.put('x', owner=m)",
    "from localaws.athena import AthenaResponse\nAthenaResponse.x = f",
]


@pytest.mark.parametrize("toy", _CHANGES)
def test_a_change_of_a_third_partys_thing_by_hand_is_found(toy: str) -> None:
    assert len(replaced(_IMPORTS + toy)) == 1


_NO_CHANGES = [
    "replace(GlueBackend, 'get_table', f)",
    "made = GlueBackend('us-east-1', '1')\nmade.limit = 3",
    "def run(self, message):\n    message.attributes = {}\n    self.kept = message",
    "class A:\n    def __init__(self):\n        self.kind = GlueBackend\n        self.update(m)",
    "own = {'a': GlueBackend}\nown['b'] = m\nown.update(c=m)",
    "own = [GlueBackend]\nown.append(m)",
    "def f(GlueBackend):\n    GlueBackend.x = 1",
    "def f():\n    m = {}\n    m['a'] = 1",
    "import pyarrow.compute as pc\npc.add(1, 2)",
    "from moto.glue.models import glue_backends\nglue_backends['1']['r'].jobs.pop('a')",
    "from moto.glue.models import glue_backends\nn, b = 'a', glue_backends['1']['r']\nb.jobs[n].runs = []",
    "class A:\n    def __init__(self):\n        object.__setattr__(self, 'a', 1)\n        setattr(self, 'b', 2)",
    "import os\nos.environ['A'] = 'b'",
]


@pytest.mark.parametrize("toy", _NO_CHANGES)
def test_what_is_ours_may_be_changed(toy: str) -> None:
    assert replaced(_IMPORTS + toy) == []


def test_a_change_says_where_it_is() -> None:
    (found,) = replaced("import moto\n\nmoto.core.f = f\n")
    assert (found.line, found.text) == (3, "moto.core.f")


_PRIVATE_USES = {
    "from pyiceberg.io.pyarrow import _read_deletes": "_read_deletes",
    "def f():\n    from pyiceberg.io.pyarrow import _read_deletes as read": "_read_deletes",
    "from pyarrow._fs import LocalFileSystem": "_fs",
    "import pyarrow._fs": "_fs",
    "import pyiceberg.io.pyarrow as p\np._read_deletes(1)": "_read_deletes",
    "def f(table):\n    return table._identifier": "_identifier",
    "def f(table):\n    table._identifier = 1": "_identifier",
    "def f(self):\n    self._steps": "_steps",
    "def f(rows):\n    return rows()[0]._steps.x": "_steps",
    "def f(table):\n    return getattr(table, '_identifier', None)": "_identifier",
    "def f(table):\n    return vars(table)['_identifier']": "_identifier",
    "from pyiceberg.table import Table\ndef f():\n    return Table(_identifier=1)": "_identifier",
    "import pyiceberg.table as t\nt.Table(name='a', _identifier=1)": "_identifier",
    "from operator import attrgetter\nkey = attrgetter('_identifier')": "_identifier",
    "class A:\n    def f(self):\n        return self._of_the_base()": "_of_the_base",
    "class A:\n    def _made(self): ...\n    def f(self):\n        return super()._made()": "_made",
    "import duckdb\nclass A:\n    def _made(self):\n        return duckdb._made": "_made",
}


@pytest.mark.parametrize("toy", _PRIVATE_USES)
def test_a_use_of_a_private_name_is_found(toy: str) -> None:
    assert private(toy) == {_PRIVATE_USES[toy]}


@pytest.mark.parametrize(
    "toy",
    [
        "class A:\n    _limit = 1\n    def __init__(self):\n        self._kept = 1\n    def f(self, other):\n"
        "        return self._kept + other._kept + self._limit + self.__class__.__name__",
        "from sluice.tables.commit import _commit\nfrom .near import _near",
        "def f(row):\n    return row._replace(a=1)._asdict()",
        "_ = 1\nfor _, x in y: pass",
    ],
)
def test_what_is_ours_or_public_is_no_private_use(toy: str) -> None:
    assert private(toy) == set()


_OVERRIDES = {
    "from pyiceberg.catalog.glue import GlueCatalog\n"
    "class A(GlueCatalog):\n    def _load_file_io(self): ...": "_load_file_io",
    "from pyiceberg.catalog.glue import GlueCatalog\nclass Mixed:\n    def _load_file_io(self): ...\n"
    "class A(Mixed, GlueCatalog): ...": "_load_file_io",
    "from sqlglot.parser import Parser\n"
    "class A(Parser):\n    def _advance(self): ...\n    def _own(self): ...": "_advance",
    "from sqlglot.parser import Parser\ndef make():\n    class A(Parser):\n        def _advance(self): ...": "_advance",
}


@pytest.mark.parametrize("toy", _OVERRIDES)
def test_a_private_method_that_a_class_of_ours_takes_over_is_found(
    toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"toy_of_{abs(hash(toy))}"
    (tmp_path / f"{name}.py").write_text(toy)
    monkeypatch.syspath_prepend(tmp_path)
    assert private_names.overridden(f"{name}.py", toy) == {_OVERRIDES[toy]}


# ---- digests


_VERSIONS = {
    "_function": ("def _function():\n    return 1", "def _function():\n    return 2"),
    "_decorated": ("@once\ndef _decorated(): ...", "@twice\ndef _decorated(): ..."),
    "_TABLE": ("_TABLE = {'a': 1}", "_TABLE = {'a': 2}"),
    "_imported": ("from a import _imported", "from b import _imported"),
    "_maybe": ("try:\n    _maybe = 1\nexcept A:\n    _maybe = 2", "try:\n    _maybe = 1\nexcept A:\n    _maybe = 3"),
    "Kind._method": ("class Kind:\n    def _method(self): return 1", "class Kind:\n    def _method(self): return 2"),
    "Kind._made": ("@once\nclass Kind:\n    _made = 1", "@twice\nclass Kind:\n    _made = 1"),
    "Kind._based": ("class Kind(A):\n    _based = 1", "class Kind(B):\n    _based = 1"),
    "Kind._after": ("class Kind:\n    _after = 1", "class Kind:\n    _after = 1\nKind._after = 2"),
    "Kind._by_text": ("class Kind:\n    _by_text = 1", "class Kind:\n    _by_text = 1\nsetattr(Kind, '_by_text', 2)"),
    "Kind._whole": ("class Kind:\n    _whole = 1", "class Kind:\n    _whole = 1\nglobals()['Kind'] = wrap(Kind)"),
    "Kind._again": ("class Kind:\n    _again = 1", "class Kind:\n    _again = 1\nKind = wrap(Kind)"),
    "_global": ("_global = 1", "_global = 1\nglobals()['_global'] = 2"),
    "_updated": ("_updated = 1", "_updated = 1\nglobals().update(_updated=2)"),
    "Kind._kept": (
        "class Kind:\n    def __init__(self):\n        self._kept = []",
        "class Kind:\n    def __init__(self):\n        self._kept = {}",
    ),
}


@pytest.mark.parametrize("name", _VERSIONS)
def test_a_version_that_changes_or_drops_a_name_is_noticed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"toy{abs(hash(name))}"
    file = tmp_path / f"{module}.py"
    monkeypatch.syspath_prepend(tmp_path)
    old, new = _VERSIONS[name]
    found = []
    for text in (old, f"import os\n\n\n{old}\nother = 1\n", new, "class Kind: ..."):
        file.write_text(text)
        found.append(digest(f"{module}.{name}"))
    entry: dict[str, Any] = {f"{module}.{name}": {"digest": found[0], "in": []}}
    assert private_names.changed(entry) == [f"{module}.{name}"]
    assert found[0] == found[1] != found[2] != found[3] == NONE


_OWNERS = {
    "": [],
    "class Middle(Base):\n    def _load(self): return 2": ["toy.Base._load: Ours has it from toy.Middle"],
    "class Mixed:\n    def _load(self): return 2\nclass Middle(Mixed, Base): ...": [
        "toy.Base._load: Ours has it from toy.Mixed"
    ],
    "class Root:\n    def _mine(self): ...\nclass Base(Root):\n    def _load(self): return 1": [
        "toy.Base._mine is there now"
    ],
}


@pytest.mark.parametrize("version", _OWNERS)
def test_a_method_that_another_class_takes_over_between_ours_and_its_owner_is_noticed(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = "class Base:\n    def _load(self): return 1\nclass Middle(Base): ...\n"
    last = "" if "Middle" in version else "class Middle(Base): ...\n"
    module, ours = f"toy_theirs_{abs(hash(version))}", f"toy_ours_{abs(hash(version))}"
    (tmp_path / f"{module}.py").write_text(f"{first}{version}\n{last}")
    (tmp_path / f"{ours}.py").write_text(f"from {module} import Middle\nclass Ours(Middle): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(owners, "is_third_party", lambda package: package == module)
    entries = {
        f"{module}.Base._load": {"digest": "", "in": [f"{ours}.py"]},
        f"{module}.Base._mine": {"digest": NONE, "in": []},
    }
    assert [told.replace(module, "toy") for told in owners.elsewhere(entries)] == _OWNERS[version]


@pytest.mark.slow
def test_each_name_is_still_its_owners() -> None:
    """Read what is there now, and enter the class that has the name."""
    assert owners.elsewhere(private_names.known()) == []


def test_a_class_or_module_that_is_gone_is_an_error_with_its_name() -> None:
    for symbol in ("pyiceberg.io.pyarrow.NoSuchClass._x", "no_such_package._x"):
        with pytest.raises(ValueError, match=symbol):
            digest(symbol)


def test_the_guard_itself_is_the_only_file_that_is_not_looked_at() -> None:
    assert (ROOT / private_names._GUARD).is_file()
