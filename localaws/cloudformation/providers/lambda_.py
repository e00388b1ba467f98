"""AWS::Lambda: functions, layers, versions, aliases, permissions and event sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws import lambda_runtimes
from localaws.cloudformation import inline
from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context

_CONFIGURATION = (
    "DeadLetterConfig Description Environment EphemeralStorage Handler KmsKeyArn Layers LoggingConfig MemorySize Role "
    "Runtime Timeout TracingConfig"
)
#: A function's defaults, which apply again when a template no longer sets a property.
#: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
_DEFAULTS: Mapping[str, Any] = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "Layers": [],
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}
_MAPPING = (
    "BatchSize BisectBatchOnFunctionError DestinationConfig Enabled FilterCriteria FunctionName FunctionResponseTypes "
    "MaximumBatchingWindowInSeconds MaximumRecordAgeInSeconds MaximumRetryAttempts ParallelizationFactor ScalingConfig"
)
#: A mapping's defaults, which apply again when a template no longer sets a property.
#: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
_MAPPING_DEFAULTS: Mapping[str, Any] = {
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "Enabled": True,
    "FilterCriteria": {"Filters": []},
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "ScalingConfig": {},
}
_MAPPING_START = "EventSourceArn StartingPosition StartingPositionTimestamp"


def _create_function(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("FunctionName") or request.name(64)
    answer = api.call(
        ctx,
        "lambda",
        "CreateFunction",
        FunctionName=name,
        Code=_code(request),
        Architectures=request.get("Architectures"),
        PackageType=request.get("PackageType"),
        Tags=request.tags,
        **_spelt(api.pick(request.properties, _CONFIGURATION)),
    )
    return ResourceOutcome(name, {"Arn": answer["FunctionArn"]})


def _spelt(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return ``configuration`` with the one name that the API spells otherwise than the template."""
    return {"KMSKeyArn" if k == "KmsKeyArn" else k: v for k, v in configuration.items()}


def _code(request: Request) -> dict[str, Any]:
    code = dict(request["Code"])
    if "ZipFile" in code:
        code["ZipFile"] = inline.zipped(code["ZipFile"], str(request.get("Runtime", "")))
    return code


def _configure_function(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    name = outcome.physical_id
    reserved, had = new.get("ReservedConcurrentExecutions"), old.get("ReservedConcurrentExecutions") if old else None
    if reserved is None and had is not None:
        api.call(ctx, "lambda", "DeleteFunctionConcurrency", FunctionName=name)
    elif reserved != had:
        api.call(ctx, "lambda", "PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=reserved)


def _update_function(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    name = outcome.physical_id
    inlined = "ZipFile" in new["Code"] and new.get("Runtime") != old.get("Runtime")  # another name, for one
    if inlined or new["Code"] != old["Code"] or new.get("Architectures") != old.get("Architectures"):
        architectures = new.get("Architectures", ["x86_64"])
        api.call(ctx, "lambda", "UpdateFunctionCode", FunctionName=name, Architectures=architectures, **_code(new))
    changed = {key: new.get(key, _DEFAULTS.get(key)) for key in _CONFIGURATION.split() if new.get(key) != old.get(key)}
    if changed:
        api.call(ctx, "lambda", "UpdateFunctionConfiguration", FunctionName=name, **_spelt(changed))
    api.retag(ctx, "lambda", outcome.attributes["Arn"], old.tags, new.tags)
    return outcome


def _delete_function(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "lambda", "DeleteFunction", FunctionName=outcome.physical_id)


def _refuse_function(properties: Mapping[str, Any]) -> str | None:
    if "ImageUri" in (properties.get("Code") or {}):
        return "Code.ImageUri: functions from container images do not run locally; use a zip"
    runtime = properties.get("Runtime")
    reason = lambda_runtimes.refusal(runtime) if isinstance(runtime, str) else None  # a computed one: when it is made
    return reason and f"Runtime: {reason}"


def _lacking(properties: Mapping[str, Any]) -> str | None:
    runtime = properties.get("Runtime")
    return lambda_runtimes.lacking(runtime) if isinstance(runtime, str) else None


def _create_layer(ctx: Context, request: Request) -> ResourceOutcome:
    answer = api.call(
        ctx,
        "lambda",
        "PublishLayerVersion",
        LayerName=request.get("LayerName") or request.name(64),
        **api.pick(request.properties, "Content CompatibleArchitectures CompatibleRuntimes Description LicenseInfo"),
    )
    arn = answer["LayerVersionArn"]
    return ResourceOutcome(arn, {"LayerVersionArn": arn})


def _delete_layer(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    name, version = outcome.physical_id.rsplit(":", 2)[-2:]
    api.remove(ctx, "lambda", "DeleteLayerVersion", LayerName=name, VersionNumber=version)


def _create_version(ctx: Context, request: Request) -> ResourceOutcome:
    answer = api.call(
        ctx,
        "lambda",
        "PublishVersion",
        FunctionName=request["FunctionName"],
        Description=request.get("Description"),
        CodeSha256=request.get("CodeSha256"),
    )
    arn = answer["FunctionArn"]
    return ResourceOutcome(arn, {"FunctionArn": arn, "Version": answer["Version"]})


def _delete_version(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    name, version = request["FunctionName"], outcome.attributes["Version"]
    api.remove(ctx, "lambda", "DeleteFunction", FunctionName=name, Qualifier=version)


def _create_alias(ctx: Context, request: Request) -> ResourceOutcome:
    given = api.pick(request.properties, "FunctionName FunctionVersion Name Description RoutingConfig")
    arn = api.call(ctx, "lambda", "CreateAlias", **given)["AliasArn"]
    return ResourceOutcome(arn, {"AliasArn": arn})


def _update_alias(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    given = api.pick(new.properties, "FunctionName FunctionVersion Name Description RoutingConfig")
    api.call(ctx, "lambda", "UpdateAlias", **given)
    return outcome


def _delete_alias(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "lambda", "DeleteAlias", FunctionName=request["FunctionName"], Name=request["Name"])


def _add_permission(ctx: Context, request: Request) -> ResourceOutcome:
    statement = request.name(100)
    api.call(
        ctx,
        "lambda",
        "AddPermission",
        StatementId=statement,
        **api.pick(
            request.properties,
            "FunctionName Action Principal SourceArn SourceAccount EventSourceToken FunctionUrlAuthType PrincipalOrgID",
        ),
    )
    return ResourceOutcome(statement, {"Id": statement})


def _remove_permission(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    name = request["FunctionName"]
    api.remove(ctx, "lambda", "RemovePermission", FunctionName=name, StatementId=outcome.physical_id)


def _map_source(ctx: Context, request: Request) -> ResourceOutcome:
    mapping = api.call(
        ctx, "lambda", "CreateEventSourceMapping", **api.pick(request.properties, f"{_MAPPING} {_MAPPING_START}")
    )["UUID"]
    arn = f"arn:aws:lambda:{ctx.region}:{ctx.account}:event-source-mapping:{mapping}"
    return ResourceOutcome(mapping, {"Id": mapping, "EventSourceMappingArn": arn})


def _update_mapping(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    defaults = {**_MAPPING_DEFAULTS, "BatchSize": 10 if ":sqs:" in new["EventSourceArn"] else 100}
    wanted = {name: new.get(name, defaults.get(name)) for name in _MAPPING.split()}
    given = {k: v for k, v in wanted.items() if new.get(k) != old.get(k) or k == "FunctionName"}
    api.call(ctx, "lambda", "UpdateEventSourceMapping", UUID=outcome.physical_id, **given)
    return outcome


def _unmap_source(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "lambda", "DeleteEventSourceMapping", UUID=outcome.physical_id)


def _put_invoke_config(ctx: Context, request: Request) -> ResourceOutcome:
    given = api.pick(
        request.properties,
        "FunctionName Qualifier MaximumEventAgeInSeconds MaximumRetryAttempts DestinationConfig",
    )
    api.call(ctx, "lambda", "PutFunctionEventInvokeConfig", **given)
    return ResourceOutcome(f"{request['FunctionName']}|{request['Qualifier']}")


def _update_invoke_config(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    return _put_invoke_config(ctx, new)


def _delete_invoke_config(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    given = api.pick(request.properties, "FunctionName Qualifier")
    api.remove(ctx, "lambda", "DeleteFunctionEventInvokeConfig", **given)


PROVIDERS = (
    Provider(
        "AWS::Lambda::Function",
        honoured="""FunctionName Architectures Code.{S3Bucket,S3Key,S3ObjectVersion,ZipFile} PackageType
            DeadLetterConfig.TargetArn Description Environment.Variables EphemeralStorage.Size Handler Layers
            LoggingConfig.{LogFormat,LogGroup,ApplicationLogLevel,SystemLogLevel} KmsKeyArn MemorySize
            ReservedConcurrentExecutions Role Runtime Tags Timeout TracingConfig.Mode""",
        accepted={
            "RuntimeManagementConfig": "the runtime is this machine's",
            "RecursiveLoop": "loops are not detected locally",
        },
        absent={
            "VpcConfig": "there is no VPC on one machine, and a function outside of its own would prove nothing of it; "
            "leave it out of what is deployed here"
        },
        required=frozenset({"Code", "Role"}),
        attributes=frozenset({"Arn"}),
        create=_create_function,
        update=_update_function,
        configure=_configure_function,
        delete=_delete_function,
        immutable=frozenset({"FunctionName", "PackageType"}),
        name_property="FunctionName",
        refuse=_refuse_function,
        lacking=_lacking,
    ),
    Provider(
        "AWS::Lambda::LayerVersion",
        honoured="""LayerName Description LicenseInfo Content.{S3Bucket,S3Key,S3ObjectVersion}
            CompatibleArchitectures CompatibleRuntimes""",
        required=frozenset({"Content"}),
        attributes=frozenset({"LayerVersionArn"}),
        create=_create_layer,
        delete=_delete_layer,
    ),
    Provider(
        "AWS::Lambda::Version",
        honoured="FunctionName Description CodeSha256",
        accepted={"ProvisionedConcurrencyConfig": "functions are kept warm locally anyway"},
        required=frozenset({"FunctionName"}),
        attributes=frozenset({"FunctionArn", "Version"}),
        create=_create_version,
        delete=_delete_version,
    ),
    Provider(
        "AWS::Lambda::Alias",
        honoured="FunctionName FunctionVersion Name Description RoutingConfig",
        accepted={"ProvisionedConcurrencyConfig": "functions are kept warm locally anyway"},
        required=frozenset({"FunctionName", "FunctionVersion", "Name"}),
        attributes=frozenset({"AliasArn"}),
        create=_create_alias,
        update=_update_alias,
        delete=_delete_alias,
        immutable=frozenset({"FunctionName", "Name"}),
        name_property="Name",
    ),
    Provider(
        "AWS::Lambda::Permission",
        honoured="""FunctionName Action Principal SourceArn SourceAccount EventSourceToken FunctionUrlAuthType
            PrincipalOrgID""",
        required=frozenset({"FunctionName", "Action", "Principal"}),
        attributes=frozenset({"Id"}),
        create=_add_permission,
        delete=_remove_permission,
    ),
    Provider(
        "AWS::Lambda::EventSourceMapping",
        honoured="""BatchSize BisectBatchOnFunctionError DestinationConfig.OnFailure.Destination Enabled
            EventSourceArn FilterCriteria.Filters.Pattern FunctionName FunctionResponseTypes
            MaximumBatchingWindowInSeconds MaximumRecordAgeInSeconds MaximumRetryAttempts ParallelizationFactor
            ScalingConfig.MaximumConcurrency StartingPosition StartingPositionTimestamp""",
        accepted={
            "MetricsConfig": "no event source metrics are emitted locally",
            "Tags": "moto's event source mappings carry no tags",
        },
        required=frozenset({"FunctionName", "EventSourceArn"}),
        attributes=frozenset({"Id", "EventSourceMappingArn"}),
        create=_map_source,
        update=_update_mapping,
        delete=_unmap_source,
        immutable=frozenset({"EventSourceArn", "StartingPosition", "StartingPositionTimestamp"}),
    ),
    Provider(
        "AWS::Lambda::EventInvokeConfig",
        honoured="""FunctionName Qualifier MaximumEventAgeInSeconds MaximumRetryAttempts
            DestinationConfig.{OnFailure,OnSuccess}.Destination""",
        required=frozenset({"FunctionName", "Qualifier"}),
        create=_put_invoke_config,
        update=_update_invoke_config,
        delete=_delete_invoke_config,
        immutable=frozenset({"FunctionName", "Qualifier"}),
    ),
)
