"""The private network that an environment's functions and Spark job run in: by ids, so that nothing is looked up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_SUBNET = re.compile(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})")
_GROUP = re.compile(r"sg-([0-9a-f]{8}|[0-9a-f]{17})")
_ZONE = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9](-[a-z]+-[0-9])?[a-z]")
#: https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html
_MOST_SUBNETS, _MOST_GROUPS = 16, 5
ALLOWED: Final = "`subnets: {subnet-…: zone, …}` and `security_groups: [sg-…, …]`"


@dataclass(frozen=True)
class Vpc:
    """Subnets by id, each with its availability zone; the Spark job runs in the first. Ids of security groups."""

    subnets: Mapping[str, str]
    security_groups: tuple[str, ...]


class NoVpc(ValueError):
    """What is declared is no network: the path to what is wrong, and why."""

    def __init__(self, at: tuple[str, ...], why: str) -> None:
        super().__init__(why)
        self.at, self.why = at, why


def read_vpc(value: Any, region: str) -> Vpc:
    """Return the network that ``vpc`` of an environment in ``region`` declares; raise `NoVpc`."""
    if not isinstance(value, dict) or value.keys() != {"subnets", "security_groups"}:
        raise NoVpc((), f"it holds {ALLOWED}, and nothing else")
    subnets, groups = value["subnets"], value["security_groups"]
    if not isinstance(subnets, dict) or not 1 <= len(subnets) <= _MOST_SUBNETS:
        raise NoVpc(
            ("subnets",), f"it holds 1 to {_MOST_SUBNETS} lines `subnet-…: zone`, as subnet-0a1b2c3d: {region}a"
        )
    for name, zone in subnets.items():
        if not isinstance(name, str) or not _SUBNET.fullmatch(name):
            raise NoVpc(("subnets",), f"{name!r} is no subnet's id, as subnet-0a1b2c3d")
        if not isinstance(zone, str) or not _ZONE.fullmatch(zone) or not zone.startswith(region):
            raise NoVpc(("subnets", name), f"{zone!r} is no availability zone of {region}, as {region}a")
    if not isinstance(groups, list) or not 1 <= len(groups) <= _MOST_GROUPS:
        raise NoVpc(("security_groups",), f"it holds a list of 1 to {_MOST_GROUPS} ids of security groups")
    for name in groups:
        if not isinstance(name, str) or not _GROUP.fullmatch(name):
            raise NoVpc(("security_groups",), f"{name!r} is no security group's id, as sg-0a1b2c3d")
    if len(set(groups)) < len(groups):
        raise NoVpc(("security_groups",), "an id stands in it twice")
    return Vpc(dict(subnets), tuple(groups))
