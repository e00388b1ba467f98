"""AWS::IAM: roles and policies, including AWS's managed policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context


def _attach(ctx: Context, role: str, arns: Iterable[str]) -> None:
    for arn in arns:
        api.call(ctx, "iam", "AttachRolePolicy", RoleName=role, PolicyArn=arn)


def _detach(ctx: Context, role: str, arns: Iterable[str]) -> None:
    for arn in arns:
        api.remove(ctx, "iam", "DetachRolePolicy", RoleName=role, PolicyArn=arn)


def _create_role(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("RoleName") or request.name(64)
    if name in ctx.lent:
        api.remove(ctx, "iam", "DeleteRolePolicy", RoleName=name, PolicyName=api.LENT_POLICY)
        api.remove(ctx, "iam", "DeleteRole", RoleName=name)
    role = api.call(
        ctx,
        "iam",
        "CreateRole",
        RoleName=name,
        AssumeRolePolicyDocument=api.json_text(request["AssumeRolePolicyDocument"]),
        Tags=api.pairs(request.tags),
        **api.pick(request.properties, "Path Description MaxSessionDuration PermissionsBoundary"),
    )["Role"]
    return ResourceOutcome(role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _configure_role(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    role = outcome.physical_id
    if old is not None:
        _change_role(ctx, new, old, role)
    wanted, had = new.get("ManagedPolicyArns", []), old.get("ManagedPolicyArns", []) if old else []
    _detach(ctx, role, [arn for arn in had if arn not in wanted])
    _attach(ctx, role, [arn for arn in wanted if arn not in had])
    policies = {p["PolicyName"]: p["PolicyDocument"] for p in new.get("Policies", [])}
    before = {p["PolicyName"]: p["PolicyDocument"] for p in (old.get("Policies", []) if old else [])}
    for name in before.keys() - policies.keys():
        api.remove(ctx, "iam", "DeleteRolePolicy", RoleName=role, PolicyName=name)
    for name, document in policies.items():
        if before.get(name) != document:
            _put_inline(ctx, role, name, document)


def _change_role(ctx: Context, new: Request, old: Request, role: str) -> None:
    if new["AssumeRolePolicyDocument"] != old["AssumeRolePolicyDocument"]:
        document = api.json_text(new["AssumeRolePolicyDocument"])
        api.call(ctx, "iam", "UpdateAssumeRolePolicy", RoleName=role, PolicyDocument=document)
    settings = {k: new.get(k) for k in ("Description", "MaxSessionDuration") if new.get(k) != old.get(k)}
    if settings:
        api.call(ctx, "iam", "UpdateRole", RoleName=role, **settings)
    if new.get("PermissionsBoundary") != old.get("PermissionsBoundary"):
        if boundary := new.get("PermissionsBoundary"):
            api.call(ctx, "iam", "PutRolePermissionsBoundary", RoleName=role, PermissionsBoundary=boundary)
        else:
            api.call(ctx, "iam", "DeleteRolePermissionsBoundary", RoleName=role)
    api.retag(ctx, "iam", role, old.tags, new.tags)


def _put_inline(ctx: Context, role: str, name: str, document: Any) -> None:
    api.call(ctx, "iam", "PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=api.json_text(document))


def _delete_role(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    role = outcome.physical_id
    _detach(ctx, role, request.get("ManagedPolicyArns", []))
    for policy in request.get("Policies", []):
        api.remove(ctx, "iam", "DeleteRolePolicy", RoleName=role, PolicyName=policy["PolicyName"])
    api.remove(ctx, "iam", "DeleteRole", RoleName=role)


def _create_policy(ctx: Context, request: Request) -> ResourceOutcome:
    for role in request["Roles"]:
        _put_inline(ctx, role, request["PolicyName"], request["PolicyDocument"])
    return ResourceOutcome(request["PolicyName"], {"Id": request.name()})


def _update_policy(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    for role in old["Roles"]:
        if role not in new["Roles"]:
            api.remove(ctx, "iam", "DeleteRolePolicy", RoleName=role, PolicyName=outcome.physical_id)
    return _create_policy(ctx, new)


def _delete_policy(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    for role in request["Roles"]:
        api.remove(ctx, "iam", "DeleteRolePolicy", RoleName=role, PolicyName=outcome.physical_id)


def _refuse_policy(properties: Mapping[str, Any]) -> str | None:
    return None if properties.get("Roles") else "Roles must name at least one role"


def _create_managed(ctx: Context, request: Request) -> ResourceOutcome:
    arn = api.call(
        ctx,
        "iam",
        "CreatePolicy",
        PolicyName=request.get("ManagedPolicyName") or request.name(128),
        PolicyDocument=api.json_text(request["PolicyDocument"]),
        **api.pick(request.properties, "Description Path"),
    )["Policy"]["Arn"]
    return ResourceOutcome(arn, {"PolicyArn": arn})


def _configure_managed(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    arn = outcome.physical_id
    if old is not None and new["PolicyDocument"] != old["PolicyDocument"]:
        for version in api.call(ctx, "iam", "ListPolicyVersions", PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                api.remove(ctx, "iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=version["VersionId"])
        document = api.json_text(new["PolicyDocument"])
        api.call(ctx, "iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    had = old.get("Roles", []) if old else []
    for role in had:
        if role not in new.get("Roles", []):
            _detach(ctx, role, [arn])
    for role in new.get("Roles", []):
        if role not in had:
            _attach(ctx, role, [arn])


def _delete_managed(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    for role in request.get("Roles", []):
        _detach(ctx, role, [outcome.physical_id])
    for version in (api.find(ctx, "iam", "ListPolicyVersions", PolicyArn=outcome.physical_id) or {}).get(
        "Versions", []
    ):
        if not version["IsDefaultVersion"]:
            api.remove(ctx, "iam", "DeletePolicyVersion", PolicyArn=outcome.physical_id, VersionId=version["VersionId"])
    api.remove(ctx, "iam", "DeletePolicy", PolicyArn=outcome.physical_id)


PROVIDERS = (
    Provider(
        "AWS::IAM::Role",
        honoured="""RoleName Path Description AssumeRolePolicyDocument ManagedPolicyArns MaxSessionDuration
            PermissionsBoundary Policies.{PolicyName,PolicyDocument} Tags""",
        required=frozenset({"AssumeRolePolicyDocument"}),
        attributes=frozenset({"Arn", "RoleId"}),
        create=_create_role,
        configure=_configure_role,
        delete=_delete_role,
        immutable=frozenset({"RoleName", "Path"}),
        name_property="RoleName",
    ),
    Provider(
        "AWS::IAM::Policy",
        honoured="PolicyName PolicyDocument Roles",
        required=frozenset({"PolicyName", "PolicyDocument"}),
        attributes=frozenset({"Id"}),
        create=_create_policy,
        update=_update_policy,
        delete=_delete_policy,
        immutable=frozenset({"PolicyName"}),
        refuse=_refuse_policy,
    ),
    Provider(
        "AWS::IAM::ManagedPolicy",
        honoured="ManagedPolicyName PolicyDocument Description Path Roles",
        required=frozenset({"PolicyDocument"}),
        attributes=frozenset({"PolicyArn"}),
        create=_create_managed,
        configure=_configure_managed,
        delete=_delete_managed,
        immutable=frozenset({"ManagedPolicyName", "Description", "Path"}),
        name_property="ManagedPolicyName",
    ),
)
