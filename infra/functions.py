"""One way to declare a function: own role, own log group, exact permissions."""

from __future__ import annotations

from aws_cdk import Duration, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from sluice.environments import Environment

from . import grants
from .bundle import Bundle
from .config import PYTHON
from .network import place_function
from .removal import of_named

#: Days that logs are kept, as CloudWatch offers them.
RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}
_RUNTIME = {"3.13": lambda_.Runtime.PYTHON_3_13}[PYTHON]


def dependencies(scope: Construct, bundle: Bundle) -> lambda_.LayerVersion:
    """Return the layer with the functions' dependencies; each stack has its own, of the same asset."""
    return lambda_.LayerVersion(
        scope,
        "Dependencies",
        code=lambda_.Code.from_asset(str(bundle.layer)),
        compatible_runtimes=[_RUNTIME],
        compatible_architectures=[lambda_.Architecture.ARM_64],
        description="PyArrow, PyIceberg, DuckDB and what they need, as locked",
    )


def python_function(
    scope: Construct,
    name: str,
    *,
    bundle: Bundle,
    layer: lambda_.LayerVersion,
    environment: Environment,
    variables: dict[str, str],
    memory: int,
    timeout: Duration,
    description: str,
    scratch_mib: int = 512,
    reserved: int | None = None,
    key: kms.IKey | None,
) -> lambda_.Function:
    """Return the function whose handler is ``lambdas/<name>/handler.py``; it may write its own log and nothing else.

    The log is encrypted with ``key``, or without one with CloudWatch's.
    """
    title = "".join(part.title() for part in name.split("_"))
    log_group = logs.LogGroup(
        scope,
        f"{title}Log",
        retention=RETENTION[environment.log_days],
        removal_policy=of_named(environment),
        encryption_key=key,
    )
    role = iam.Role(
        scope,
        f"{title}Role",
        assumed_by=grants.service(scope, "lambda"),
        description=f"Role of the function {name}",
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[f"{log_group.log_group_arn}"]
        )
    )
    function = lambda_.Function(
        scope,
        title,
        runtime=_RUNTIME,
        architecture=lambda_.Architecture.ARM_64,
        handler=f"lambdas.{name}.handler.handler",
        code=lambda_.Code.from_asset(str(bundle.code)),
        layers=[layer],
        role=role,
        log_group=log_group,
        environment=variables,
        memory_size=memory,
        ephemeral_storage_size=Size.mebibytes(scratch_mib),
        timeout=timeout,
        description=description,
        reserved_concurrent_executions=reserved,
        tracing=lambda_.Tracing.ACTIVE if environment.tracing else lambda_.Tracing.DISABLED,
    )
    if environment.vpc:
        place_function(function, environment.vpc)
    return function
