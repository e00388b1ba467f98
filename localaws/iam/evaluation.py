"""Decides a request in one account by all policies that are about it, as AWS documents it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from localaws.iam.conditions import Conditions
from localaws.iam.policies import Decision, Statement, decide
from localaws.iam.principals import Naming, Principal

Statements = tuple[Statement, ...]
_IDENTITY, _RESOURCE = "identity-based policy", "resource-based policy"
_BOUNDARY, _SESSION = "permissions boundary", "session policy"


@dataclass(frozen=True)
class Held:
    """The policies that decide one request; None for a boundary, session policy or resource's policy that is missing.

    ``resource_decides``: without the resource's policy nothing is allowed, as with KMS keys and roles to be assumed.
    """

    identity: Statements = ()
    boundary: Statements | None = None
    session: Statements | None = None
    resource: Statements | None = None
    resource_decides: bool = False


def evaluate(held: Held, principal: Principal, action: str, resource: str, context: Conditions) -> Decision:
    """Return the decision for a call of ``principal``: a denial anywhere wins, and what nothing allows is denied.

    The resource's policy suffices for a session or service that it names. For a role that it names, a boundary and the
    session's policy must allow the call as well; for the account, its identity policies must. The administrator has no
    identity policies and may do everything that no resource denies.
    """
    limits = [(_BOUNDARY, held.boundary), (_SESSION, held.session)]
    own = [(kind, decide(given, action, resource, context)) for kind, given in limits if given is not None]
    identity = decide(held.identity, action, resource, context)
    naming = Naming.NOT
    for statement, closeness in _naming(held.resource or (), principal):
        if statement.applies(action, resource, context):
            if not statement.allows:
                return Decision(allowed=False, explicit=True, by=_RESOURCE)
            naming = max(naming, closeness)
    for kind, decision in [(_IDENTITY, identity), *own]:
        if decision.explicit:
            return Decision(allowed=False, explicit=True, by=kind)
    if naming is Naming.ITSELF:
        return Decision(allowed=True)
    if principal.service or principal.is_root:
        return Decision(allowed=principal.is_root and not held.resource_decides, by=_RESOURCE)
    by_identity = identity.allowed and (naming is Naming.ACCOUNT or not held.resource_decides)
    if naming is not Naming.ROLE and not by_identity:
        return Decision(allowed=False, by=_RESOURCE if identity.allowed else _IDENTITY)
    return next((Decision(allowed=False, by=kind) for kind, decision in own if not decision.allowed), Decision(True))


def _naming(statements: Statements, principal: Principal) -> Iterator[tuple[Statement, Naming]]:
    for statement in statements:
        if statement.named is None:
            raise ValueError("a statement of an identity policy stands in a resource's policy")
        if closeness := statement.named.names_of(principal, allows=statement.allows):
            yield statement, closeness
