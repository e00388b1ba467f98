"""Who makes a request, and whether a statement's ``Principal`` or ``NotPrincipal`` names that caller.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localaws.context import Context
from localaws.gateway.callers import Session


@dataclass(frozen=True)
class Principal:
    """A service by its name, a role's session, or (if neither) the account's administrator, AWS's root user."""

    account: str
    region: str
    service: str = ""
    session: Session | None = None

    @classmethod
    def of(cls, ctx: Context, *, service: str = "", session: Session | None = None) -> Principal:
        """Return a principal of the context's account and region."""
        return cls(ctx.account, ctx.region, service, session)

    @property
    def is_root(self) -> bool:
        """Return whether this is the account's administrator."""
        return not self.service and self.session is None

    @property
    def arn(self) -> str:
        """Return how errors name the principal: its ARN, or the service's name."""
        return self.service or (self.session.arn if self.session else f"arn:aws:iam::{self.account}:root")


class Naming(enum.IntEnum):
    """How closely a statement names a caller; a closer one is greater."""

    NOT = 0
    #: The caller's account, which leaves it to the account's own policies.
    ACCOUNT = 1
    #: The session's role or everybody: a permissions boundary and a session policy still limit it.
    ROLE = 2
    #: The caller itself: nothing limits it but a denial.
    ITSELF = 3


@dataclass(frozen=True)
class Named:
    """The parsed ``Principal`` element; ``negated`` if it is ``NotPrincipal``.

    ``unread``: it has canonical user ids, which localaws gives nobody: an allowing statement allows them nothing, and a
    denying one denies everybody.
    """

    names: frozenset[str]
    services: frozenset[str]
    negated: bool = False
    unread: bool = False

    def names_of(self, principal: Principal, *, allows: bool) -> Naming:
        """Return how closely a statement with this element names ``principal``; ``allows``: it is an allowing one."""
        if self.negated:  # with Allow, AWS does not support it
            return Naming.ITSELF if not allows and not self._lists_all_of(principal) else Naming.NOT
        if self.unread and not allows:
            return Naming.ITSELF
        session = principal.session
        if session is None:
            listed = "*" in self.names or self._lists(principal)
            return Naming.ITSELF if listed else Naming.NOT
        return self._names_session(session, principal)

    def _names_session(self, session: Session, principal: Principal) -> Naming:
        if session.arn in self.names:
            return Naming.ITSELF
        if self.names & {"*", session.role_arn, session.role_id or "*"}:
            return Naming.ROLE
        return Naming.ACCOUNT if self.names & _account(principal) else Naming.NOT

    def _lists_all_of(self, principal: Principal) -> bool:
        """Return whether ``NotPrincipal`` spares a caller: a session only if its role and account are listed, too."""
        session = principal.session
        own = session is None or {session.arn, session.role_arn} <= self.names
        return "*" in self.names or (self._lists(principal) and own)

    def _lists(self, principal: Principal) -> bool:
        """Return whether the caller's account is listed, or the service: with the region in its name or without."""
        if not principal.service:
            return bool(self.names & _account(principal))
        return any(
            name in {principal.service, "*"} or name.replace(f".{principal.region}.", ".") == principal.service
            for name in self.services
        )


def _account(principal: Principal) -> set[str]:
    return {principal.account, f"arn:aws:iam::{principal.account}:root"}


def parse(statement: Mapping[str, Any]) -> Named:
    """Return the principals of a statement; raise ValueError if it has none, as a resource's policy must."""
    negated = "NotPrincipal" in statement
    if not negated and "Principal" not in statement:
        raise ValueError(f"a statement of a resource's policy has neither Principal nor NotPrincipal: {statement}")
    wanted = statement["NotPrincipal" if negated else "Principal"]
    if wanted == "*":
        return Named(frozenset("*"), frozenset(), negated)
    if not isinstance(wanted, Mapping):
        raise ValueError(f"a statement's Principal is neither * nor a map: {wanted!r}")
    return Named(
        frozenset(_listed(wanted.get("AWS", []))),
        frozenset(_listed(wanted.get("Service", []))),
        negated,
        unread="CanonicalUser" in wanted,
    )


def _listed(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
