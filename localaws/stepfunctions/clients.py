"""The boto3 clients of workflows: with each state machine's own role, kept from task to task."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore.config import Config
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from localaws.context import ADMIN_ACCESS_KEY, Context
from localaws.gateway import callers
from localaws.iam import trust

_CLIENT_CONFIG = Config(
    parameter_validation=False,
    inject_host_prefix=False,
    retries={"total_max_attempts": 1},
    read_timeout=960,
    max_pool_connections=50,
    s3={"addressing_style": "path"},
)

_current: Context | None = None
_clients: dict[tuple[str | None, ...], Any] = {}
_clients_lock = threading.Lock()


def install(ctx: Context) -> None:
    """Drop earlier clients and use ``ctx``, which replaces any earlier context."""
    global _current  # noqa: PLW0603  moto's classes are process-wide
    _current = ctx
    with _clients_lock:
        _clients.clear()


def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
    """Return a boto3 client that calls ``service`` as the state machine's role; kept for the next task."""
    ctx = _current
    if ctx is None:
        raise RuntimeError("localaws.stepfunctions.install(ctx) was not called")
    role = getattr(state_credentials, "role_arn", None)
    # When a role was deleted and created again, the credentials of the old role's clients are invalid.
    key = (region, service, role, getattr(callers.role_of(ctx, role), "id", None) if role else None)
    with _clients_lock:
        if key not in _clients:
            _clients[key] = boto3.client(
                service,
                region_name=region,
                endpoint_url=ctx.endpoint,
                config=_CLIENT_CONFIG,
                **_credentials(ctx, role),
            )
        return _clients[key]


def _credentials(ctx: Context, role: str | None) -> dict[str, str]:
    if role is None:
        return {"aws_access_key_id": ADMIN_ACCESS_KEY, "aws_secret_access_key": ctx.secret}
    assumed = trust.assume_as_service(ctx, role, "states.amazonaws.com", "states", _machine_with(ctx, role))
    return {
        "aws_access_key_id": assumed.access_key_id,
        "aws_secret_access_key": assumed.secret_access_key,
        "aws_session_token": assumed.session_token,
    }


def _machine_with(ctx: Context, role: str) -> str:
    """Return the ARN of the state machine whose role this is; nothing where several share it, or none has it.

    A client is one role's, so which of several machines asks is not known: a trust policy that names one then fails.
    """
    machines = stepfunctions_parser_backends[ctx.account][ctx.region].state_machines
    having = [str(machine.arn) for machine in machines if machine.roleArn == role]
    return having[0] if len(having) == 1 else ""
