"""Spares every start what moto imports and a local AWS does not use: EC2, API Gateway and twenty more services.

They take three of its seconds of processor time. Whoever needs them imports them later, as they are.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

from localaws.moto_patches import defer

_PARSING: Final = "moto.cloudformation.parsing"
#: What moto's CloudFormation takes from there.
_TAKEN: Final = ("Export", "OutputMap", "ResourceMap")
_BATCH: Final = "moto.batch"
_EC2, _BACKENDS = "moto.ec2", "ec2_backends"


def spare_stacks() -> None:
    """Import moto's CloudFormation without what its own stacks are made of: our stack engine answers in its place.

    That is imported when moto makes a stack all the same, which it does for StackSets alone.
    """
    models = _imported("moto.cloudformation.models", _PARSING, _TAKEN)
    for name in _TAKEN:
        defer(models, name, _later(name))


def _later(name: str) -> Callable[..., Any]:
    def made(*given: Any, **named: Any) -> Any:
        return getattr(importlib.import_module(_PARSING), name)(*given, **named)

    return made


def spare_batch() -> None:
    """Import the one module of moto's Batch that its Step Functions need, without the service and the EC2 below it."""
    if _BATCH in sys.modules:
        return
    found = importlib.util.find_spec(_BATCH)
    if found is None:
        raise ModuleNotFoundError(_BATCH)
    stand_in = ModuleType(_BATCH)
    stand_in.__path__ = list(found.submodule_search_locations or ())
    with _standing_in(stand_in):
        importlib.import_module(f"{_BATCH}.utils")


def spare_ec2() -> None:
    """Import moto's SSM without EC2, which it asks for the instances of an inventory and nothing else."""
    defer(_imported("moto.ssm.models", _EC2, (_BACKENDS,)), _BACKENDS, _Ec2Backends())


class _Ec2Backends:
    def __getitem__(self, account: str) -> Any:
        return getattr(importlib.import_module(_EC2), _BACKENDS)[account]


def _imported(name: str, without: str, taken: tuple[str, ...]) -> ModuleType:
    """Return the module, imported without the module from which it takes names, unless that was imported before."""
    if name in sys.modules or without in sys.modules:
        return importlib.import_module(name)
    with _standing_in(ModuleType(without)) as stand_in:
        for each in taken:
            setattr(stand_in, each, object)
        return importlib.import_module(name)


@contextmanager
def _standing_in(module: ModuleType) -> Iterator[ModuleType]:
    sys.modules[module.__name__] = module
    try:
        yield module
    finally:
        del sys.modules[module.__name__]
