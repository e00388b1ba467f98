"""Partitions of AWS: each has accounts, ARNs and addresses of its own, and nothing of one is seen in another.

https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
"""

from __future__ import annotations

from typing import Final

_BY_REGION: Final = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
    "us-iso-": "aws-iso",
    "eu-isoe-": "aws-iso-e",
    "eusc-": "aws-eusc",
}
_SUFFIXES: Final = {
    "aws-cn": "amazonaws.com.cn",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
    "aws-eusc": "amazonaws.eu",
}
USUAL: Final = "aws"


def partition_of(region: str) -> str:
    """Return the partition of a region: `aws`, unless its name begins as those of another."""
    return next((name for begins, name in _BY_REGION.items() if region.startswith(begins)), USUAL)


def address_suffix(region: str) -> str:
    """Return what the addresses of services in a region end with."""
    return _SUFFIXES.get(partition_of(region), "amazonaws.com")


def foreign_to(region: str, arn: str) -> str:
    """Return what is wrong with an ARN that is of another partition than ``region``; empty if it is of the same."""
    given, own = arn.split(":")[1], partition_of(region)
    return f"{arn!r} is of the partition {given}, and {region} is of {own}" if given != own else ""
