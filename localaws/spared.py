"""Spares every start what moto imports and a local AWS does not use: EC2, API Gateway and twenty more services.

They take three of its seconds of processor time. Whoever needs them imports them later, as they are; but
``moto.batch.utils``, which is there before its package, is had by ``from moto.batch import utils``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import moto

from localaws.moto_patches import defer

#: What moto's CloudFormation takes from ``moto.cloudformation.parsing``.
_OF_STACKS: Final = ("Export", "OutputMap", "ResourceMap")


def spare_stacks() -> None:
    """Import moto's CloudFormation without what its own stacks are made of: our stack engine answers in its place.

    That is imported when moto makes a stack all the same, which it does for StackSets alone.
    """
    with _standing_in("moto.cloudformation.parsing", _OF_STACKS, unless="moto.cloudformation.models"):
        from moto.cloudformation import models
    for name in _OF_STACKS:
        defer(models, name, _later(name))


def _later(name: str) -> Callable[..., Any]:
    def made(*given: Any, **named: Any) -> Any:
        from moto.cloudformation import parsing

        return getattr(parsing, name)(*given, **named)

    return made


def spare_batch() -> None:
    """Import the one module of moto's Batch that its Step Functions need, without the service and the EC2 below it."""
    with _standing_in("moto.batch", unless="moto.batch.utils"):
        from moto.batch import utils  # noqa: F401  it is found imported


def spare_ec2() -> None:
    """Import moto's SSM without EC2, which it asks for the instances of an inventory and nothing else."""
    with _standing_in("moto.ec2", ("ec2_backends",), unless="moto.ssm.models"):
        from moto.ssm import models
    defer(models, "ec2_backends", _Ec2Backends())


class _Ec2Backends:
    def __getitem__(self, account: str) -> Any:
        from moto.ec2.models import ec2_backends

        return ec2_backends[account]


@contextmanager
def _standing_in(name: str, taken: tuple[str, ...] = (), *, unless: str) -> Iterator[None]:
    """Have an empty module of that name be imported, from which its own modules and the names ``taken`` can be had.

    Where it, or the module for which it stands in, was imported before, nothing is to be spared.
    """
    if name in sys.modules or unless in sys.modules:
        yield
        return
    module = ModuleType(name)
    module.__path__ = [str(Path(moto.__file__).parent.joinpath(*name.split(".")[1:]))]
    vars(module).update(dict.fromkeys(taken, object))
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]
