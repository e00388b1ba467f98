"""The condition keys of every request, as far as localaws knows them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

import datetime

from localaws.context import Context
from localaws.gateway import callers
from localaws.iam.conditions import Given, Supplied
from localaws.iam.principals import Principal

#: Keys that no request here has: there are no networks, organizations, users, devices or forwarded calls.
_ABSENT = (
    "aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:federatedprovider", "aws:multifactorauthage",
    "aws:multifactorauthpresent", "aws:principalorgid", "aws:principalorgpaths", "aws:principalservicename",
    "aws:principalservicenameslist", "aws:referer", "aws:resourceorgid", "aws:resourceorgpaths", "aws:sourceaccount",
    "aws:sourcearn", "aws:sourceidentity", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner", "aws:sourcevpc",
    "aws:sourcevpcarn", "aws:sourcevpce", "aws:username", "aws:vpcsourceip",
)  # fmt: skip


def every(ctx: Context, principal: Principal, *, source_arn: str = "") -> Supplied:
    """Return the condition keys of a request of ``principal``; None for keys that none has here.

    ``source_arn`` is what a service acts for: the rule, bucket or topic.
    """
    now = datetime.datetime.now(datetime.UTC)
    given = dict.fromkeys(_ABSENT)
    return Supplied(
        {
            **given,
            "aws:securetransport": "true",
            "aws:viaawsservice": "false",
            "aws:requestedregion": ctx.region,
            "aws:resourceaccount": ctx.account,
            "aws:sourceip": None if principal.service else "127.0.0.1",
            "aws:currenttime": now.isoformat(),
            "aws:epochtime": str(int(now.timestamp())),
            **(_of_service(ctx, principal.service, source_arn) if principal.service else _of_caller(ctx, principal)),
        }
    )


def _of_service(ctx: Context, service: str, source_arn: str) -> dict[str, Given]:
    return {
        "aws:principalisawsservice": "true",
        "aws:principalservicename": service,
        "aws:principalservicenameslist": (service,),
        "aws:principalaccount": None,
        "aws:principalarn": None,
        "aws:principaltype": None,
        "aws:userid": None,
        "aws:sourceaccount": ctx.account,
        "aws:sourcearn": source_arn or None,
    }


def _of_caller(ctx: Context, principal: Principal) -> dict[str, Given]:
    session = principal.session
    role = callers.role_of(ctx, session.role_arn) if session else None
    listed = (role.tags or []) if role is not None else []
    return {
        **{f"aws:principaltag/{tag['Key'].lower()}": str(tag["Value"]) for tag in listed},
        "aws:principalarn": session.role_arn if session else f"arn:aws:iam::{ctx.account}:root",
        "aws:principalaccount": ctx.account,
        "aws:principaltype": "AssumedRole" if session else "Account",
        "aws:principalisawsservice": "false",
        "aws:userid": f"{session.role_id}:{session.session_name}" if session else ctx.account,
    }
