"""AWS::StepFunctions::StateMachine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.errors import ResourceFailed
from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context


def _definition(ctx: Context, request: Request) -> str:
    """Return the ASL text, from whichever property the template has it in, with its substitutions made."""
    if "DefinitionString" in request.properties:
        text = request["DefinitionString"]
    elif "Definition" in request.properties:
        text = json.dumps(request["Definition"])
    else:
        place = request["DefinitionS3Location"]
        stored = api.call(
            ctx, "s3", "GetObject", Bucket=place["Bucket"], Key=place["Key"], VersionId=place.get("Version")
        )
        text = stored["Body"].read().decode()
    substitutions: Mapping[str, Any] = request.get("DefinitionSubstitutions", {})

    def value(match: re.Match[str]) -> str:
        if match.group(1) not in substitutions:
            return match.group(0)
        given = substitutions[match.group(1)]
        # Substituted as CloudFormation does: the text as it is, booleans and numbers as JSON.
        return given if isinstance(given, str) else json.dumps(given)

    text = re.sub(r"\$\{([A-Za-z0-9_.:-]+)\}", value, text)
    try:
        json.loads(text)
    except ValueError as error:
        raise ResourceFailed(f"DefinitionString is not JSON once substituted: {error}") from None
    return str(text)


def _settings(ctx: Context, request: Request) -> dict[str, Any]:
    return {
        "definition": _definition(ctx, request),
        "roleArn": request["RoleArn"],
        "loggingConfiguration": api.camel(request.get("LoggingConfiguration")),
        "tracingConfiguration": api.camel(request.get("TracingConfiguration")),
        "encryptionConfiguration": api.camel(request.get("EncryptionConfiguration")),
    }


def _create(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("StateMachineName") or request.name(80)
    arn = api.call(
        ctx,
        "stepfunctions",
        "CreateStateMachine",
        name=name,
        type=request.get("StateMachineType"),
        tags=[{"key": k, "value": v} for k, v in request.tags.items()],
        **_settings(ctx, request),
    )["stateMachineArn"]
    return ResourceOutcome(arn, {"Arn": arn, "Name": name})


def _update(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    arn = outcome.physical_id
    settings = _settings(ctx, new)
    if settings["loggingConfiguration"] is None and old.get("LoggingConfiguration"):
        settings["loggingConfiguration"] = {"level": "OFF"}
    if settings["tracingConfiguration"] is None and old.get("TracingConfiguration"):
        settings["tracingConfiguration"] = {"enabled": False}
    api.call(ctx, "stepfunctions", "UpdateStateMachine", stateMachineArn=arn, **settings)
    if gone := sorted(set(old.tags) - set(new.tags)):
        api.call(ctx, "stepfunctions", "UntagResource", resourceArn=arn, tagKeys=gone)
    if changed := [{"key": k, "value": v} for k, v in new.tags.items() if old.tags.get(k) != v]:
        api.call(ctx, "stepfunctions", "TagResource", resourceArn=arn, tags=changed)
    return outcome


def _delete(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "stepfunctions", "DeleteStateMachine", stateMachineArn=outcome.physical_id)


def _refuse(properties: Mapping[str, Any]) -> str | None:
    if not any(k in properties for k in ("DefinitionString", "Definition", "DefinitionS3Location")):
        return "a state machine needs DefinitionString, Definition or DefinitionS3Location"
    return None


PROVIDERS = (
    Provider(
        "AWS::StepFunctions::StateMachine",
        honoured="""StateMachineName StateMachineType RoleArn Definition DefinitionString DefinitionSubstitutions
            DefinitionS3Location.{Bucket,Key,Version} TracingConfiguration.Enabled Tags
            LoggingConfiguration.{Level,IncludeExecutionData,Destinations.CloudWatchLogsLogGroup.LogGroupArn}
            EncryptionConfiguration.{Type,KmsKeyId,KmsDataKeyReusePeriodSeconds}""",
        required=frozenset({"RoleArn"}),
        attributes=frozenset({"Arn", "Name"}),
        create=_create,
        update=_update,
        delete=_delete,
        immutable=frozenset({"StateMachineName", "StateMachineType"}),
        name_property="StateMachineName",
        refuse=_refuse,
    ),
)
