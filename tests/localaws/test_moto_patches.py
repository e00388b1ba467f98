"""What is replaced in moto is what it was when the replacement was written: a new moto is looked at, not hoped for."""

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from localaws import moto_patches
from localaws.server import LocalAws

KNOWN = Path(__file__).with_name("moto_symbols.json")


def digest(original: Any) -> str:
    if isinstance(original, staticmethod | classmethod):
        original = original.__func__
    if isinstance(original, property):
        original = original.fget
    try:
        text = inspect.getsource(original)
    except TypeError:
        text = repr(original) if not callable(original) else original.__qualname__
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_every_replaced_symbol_is_the_one_that_was_looked_at(local_aws: LocalAws) -> None:
    """To take over a new moto: read what changed, adapt the replacement, and write the digests this prints."""
    found = {symbol: digest(original) for symbol, original in sorted(moto_patches.originals().items())}
    known = json.loads(KNOWN.read_text())
    changed = sorted(symbol for symbol in {*found, *known} if found.get(symbol) != known.get(symbol))
    assert not changed, f"moto changed: {changed}\n{json.dumps(found, indent=2)}"


def test_a_symbol_that_is_gone_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        moto_patches.replace(DomainDispatcherApplication, "no_such_thing", None)
