"""Functions that really run: each invocation goes to a runtime client in a sandbox of its own.

Replaces moto's ``LambdaFunction.invoke``, which every way of calling a function ends in. Sandboxes are reused while
warm, several of a function run at once, and each calls AWS with its own credentials of the function's role, in a
session named after the function. A function runs on this machine's Python or Node, whatever its runtime's version;
other runtimes and container images are refused when the function is created (`localaws.functions.programs`).
"""

from __future__ import annotations

import base64
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend
from moto.logs.models import logs_backends

from localaws import lambda_runtimes, metrics
from localaws.context import Context
from localaws.events import targets
from localaws.functions import bundles, permissions, programs
from localaws.functions.asynchronous import AsyncInvocations
from localaws.functions.sandbox import InvocationOutcome, Launch, MemoryWatch, Sandbox
from localaws.functions.throttled import TooManyRequests
from localaws.gateway import callers, faults
from localaws.iam import trust
from localaws.moto_patches import original, replace

log = logging.getLogger("localaws.lambda")

#: How many sandboxes of one function run at once on this machine; further invocations wait for one.
MACHINE_CONCURRENCY = max(8, 4 * (os.cpu_count() or 1))
_IDLE_SECONDS = 60.0
_TAIL_BYTES = 4096


class FunctionPool:
    """The sandboxes of one function, or of one published version of it."""

    def __init__(self, runtime: LambdaRuntime) -> None:
        self._runtime = runtime
        self._changed = threading.Condition()
        self._generation = ""
        self._idle: list[Sandbox] = []
        self._running: set[Sandbox] = set()
        self._wanted = 0
        self._busy = 0

    def invoke(self, function: Any, payload: bytes, request_id: str | None = None) -> InvocationOutcome:
        """Run ``payload`` in a warm sandbox or a new one; raise `TooManyRequests` beyond the reserved concurrency."""
        sandbox = self._acquire(function)
        try:
            return sandbox.invoke(payload, request_id)
        finally:
            self._release(sandbox)

    def _acquire(self, function: Any) -> Sandbox:
        reserved = _reserved_concurrency(function)
        with self._changed:
            if reserved is not None and self._wanted >= reserved:
                raise TooManyRequests
            self._wanted += 1
            try:
                self._changed.wait_for(lambda: self._busy < MACHINE_CONCURRENCY)
            except BaseException:
                self._wanted -= 1
                raise
            self._busy += 1
            self._retire_other_generations(_generation(self._runtime.ctx, function))
            while self._idle:
                sandbox = self._idle.pop()
                if sandbox.alive:
                    self._running.add(sandbox)
                    return sandbox
        try:
            sandbox = self._runtime.start_sandbox(function)
        except BaseException:
            with self._changed:
                self._leave()
            raise
        with self._changed:
            self._running.add(sandbox)
        return sandbox

    def _release(self, sandbox: Sandbox) -> None:
        with self._changed:
            self._running.discard(sandbox)
            if sandbox.alive:
                self._idle.append(sandbox)
            self._leave()

    def _leave(self) -> None:
        self._busy -= 1
        self._wanted -= 1
        self._changed.notify()

    def _retire_other_generations(self, generation: str) -> None:
        if generation != self._generation:
            self._generation = generation
            while self._idle:
                self._idle.pop().kill("stop")

    def retire_idle(self, before: float) -> None:
        """End the sandboxes that have been idle since ``before``."""
        with self._changed:
            tired = [sandbox for sandbox in self._idle if sandbox.idle_since < before]
            self._idle = [sandbox for sandbox in self._idle if sandbox.idle_since >= before]
        for sandbox in tired:
            sandbox.kill("stop")

    def close(self) -> None:
        """End every sandbox, also those that run an invocation."""
        with self._changed:
            for sandbox in (*self._idle, *self._running):
                sandbox.kill("stop")
            self._idle.clear()


class LambdaRuntime:
    """Runs the functions of one local AWS."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._pools: dict[str, FunctionPool] = {}
        self._lock = threading.Lock()
        self._started = 0
        self._memory = MemoryWatch(ctx.stopping)
        self.asynchronous = AsyncInvocations(ctx, self.invoke)
        threading.Thread(target=self._retire, daemon=True, name="lambda idle").start()
        ctx.on_close(self.close)

    def invoke(self, function: Any, payload: bytes, request_id: str | None = None) -> InvocationOutcome:
        """Run one invocation of moto's ``function`` to its end."""
        with self._lock:
            pool = self._pools.setdefault(function.function_arn, FunctionPool(self))
        try:
            outcome = pool.invoke(function, payload, request_id)
        except trust.NotTrusted as error:
            log.error("%s cannot run: %s", function.function_name, error)
            answer = json.dumps({"errorType": "AccessDeniedException", "errorMessage": str(error)}).encode()
            outcome = InvocationOutcome(request_id or "", answer, True, "")
        if outcome.failed:
            metrics.count_failure(self.ctx, "AWS/Lambda", "Errors", FunctionName=function.function_name)
        return outcome

    def start_sandbox(self, function: Any) -> Sandbox:
        """Start a sandbox with the function's code, environment and role."""
        scratch = self.ctx.scratch / "lambda"
        with self._lock:
            self._started += 1
            number = self._started
        tmp = scratch / "tmp" / f"{function.function_name}-{os.getpid()}-{number}"
        tmp.mkdir(parents=True, exist_ok=True)
        code = bundles.unpack(function.code_bytes, scratch)
        program = programs.program(
            function.run_time,
            function.handler,
            code,
            self._layers(function, scratch),
            memory=int(function.memory_size),
            scratch=scratch,
        )
        role = trust.assume_as_service(
            self.ctx, function.role, "lambda.amazonaws.com", function.function_name, function.function_arn
        )
        stream = f"{time.strftime('%Y/%m/%d')}/[{function.version}]{number:032x}"
        launch = Launch(
            function=function.function_name,
            version=str(function.version),
            arn=function.function_arn,
            command=program.command,
            task_root=program.task_root,
            environment=self._environment(function, program, role, stream, tmp),
            timeout=float(function.timeout),
            memory=int(function.memory_size),
            tmp=tmp,
        )
        sandbox = Sandbox(launch, _LogWriter(self.ctx, function, stream), on_exit=lambda: _clean_up(role, tmp))
        faults.register_caller(role.access_key_id, lambda: sandbox.kill("fault"))
        self._memory.add(sandbox)
        return sandbox

    def _layers(self, function: Any, scratch: Path) -> list[Path]:
        backend = get_backend(function.account_id, function.region)
        versions = (backend.layers_versions_by_arn(layer["Arn"]) for layer in function.layers)
        return [bundles.unpack(version.code_bytes, scratch) for version in versions if version is not None]

    def _environment(
        self, function: Any, program: programs.Program, role: Any, stream: str, tmp: Path
    ) -> dict[str, str]:
        logging_config = getattr(function, "logging_config", None) or {}
        standard = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(tmp),
            "TMPDIR": str(tmp),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "_HANDLER": function.handler,
            "LAMBDA_TASK_ROOT": str(program.task_root),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_ACCESS_KEY_ID": role.access_key_id,
            "AWS_SECRET_ACCESS_KEY": role.secret_access_key,
            "AWS_SESSION_TOKEN": role.session_token,
            "AWS_ENDPOINT_URL": self.ctx.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if logging_config.get("LogFormat"):
            standard["AWS_LAMBDA_LOG_FORMAT"] = logging_config["LogFormat"]
        if logging_config.get("ApplicationLogLevel"):
            standard["AWS_LAMBDA_LOG_LEVEL"] = logging_config["ApplicationLogLevel"]
        given = {name: str(value) for name, value in function.environment_vars.items()}
        return {**given, **standard, **program.environment(given)}

    def _retire(self) -> None:
        while not self.ctx.stopping.wait(5):
            with self._lock:
                pools = list(self._pools.values())
            for pool in pools:
                pool.retire_idle(time.monotonic() - _IDLE_SECONDS)

    def close(self) -> None:
        """Stop taking invocations and end every sandbox."""
        self.asynchronous.close()
        with self._lock:
            for pool in self._pools.values():
                pool.close()


class _LogWriter:
    """Writes a sandbox's lines to its stream in CloudWatch Logs and to the function's log file."""

    def __init__(self, ctx: Context, function: Any, stream: str) -> None:
        self._backend = logs_backends[function.account_id][function.region]
        self._group, self._stream = function.logs_group_name, stream
        self._backend.ensure_log_group(self._group)
        self._backend.create_log_stream(self._group, stream)
        directory = ctx.scratch / "logs"
        directory.mkdir(parents=True, exist_ok=True)
        self._file = (directory / f"{function.function_name}.log").open("a", buffering=1, encoding="utf-8")

    def __call__(self, line: str) -> None:
        self._file.write(line + "\n")
        if self._group in self._backend.groups:  # not if it was deleted: as on AWS, the function still runs
            event = {"timestamp": int(time.time() * 1000), "message": line}
            self._backend.put_log_events(self._group, self._stream, [event])


def _clean_up(role: Any, tmp: Path) -> None:
    faults.forget_caller(role.access_key_id)
    shutil.rmtree(tmp, ignore_errors=True)


def _generation(ctx: Context, function: Any) -> str:
    # When a role was deleted and created again, the credentials of the old role's sandboxes are invalid.
    role_id = getattr(callers.role_of(ctx, function.role), "id", None)
    configuration = (
        function.code_sha_256,
        function.run_time,
        function.handler,
        function.role,
        role_id,
        function.timeout,
        function.memory_size,
        sorted(function.environment_vars.items()),
        [layer["Arn"] for layer in function.layers],
    )
    return json.dumps(configuration, default=str)


def _reserved_concurrency(function: Any) -> int | None:
    latest = get_backend(function.account_id, function.region).get_function(function.function_name)
    return None if latest.reserved_concurrency is None else int(latest.reserved_concurrency)


# ---- moto's LambdaFunction

_current: LambdaRuntime | None = None


def install(ctx: Context) -> None:
    """Run the functions of this process's moto in ``ctx``, which replaces any earlier context."""
    global _current  # noqa: PLW0603  moto's classes are process-wide, and so is who runs their functions
    _current = LambdaRuntime(ctx)
    targets.register("lambda", "lambda:InvokeFunction", _send_event)
    permissions.install()
    replace(LambdaFunction, "__init__", _init)
    replace(LambdaFunction, "update_configuration", _update_configuration)
    replace(LambdaFunction, "get_configuration", _get_configuration)
    replace(LambdaFunction, "invoke", _invoke)


def _send_event(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    del options
    runtime().asynchronous.submit(get_backend(account, region).get_function(arn), payload.encode())


def runtime() -> LambdaRuntime:
    """Return the runtime that runs the functions of this process's moto."""
    if _current is None:
        raise RuntimeError("localaws.functions.install(ctx) was not called")
    return _current


def _init(self: Any, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1) -> None:
    _refuse(spec)
    original(LambdaFunction, "__init__")(self, account_id, spec, region, version)
    _keep_what_moto_drops(self, spec)


def _update_configuration(self: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
    _refuse({"FunctionName": self.function_name, "Runtime": self.run_time, **config_updates})
    original(LambdaFunction, "update_configuration")(self, config_updates)
    _keep_what_moto_drops(self, config_updates)
    return _get_configuration(self)


def _get_configuration(self: Any, on_create: bool = False) -> dict[str, Any]:
    configuration: dict[str, Any] = original(LambdaFunction, "get_configuration")(self, on_create)
    configuration["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": self.logs_group_name, **self.logging_config}
    if self.dead_letter_config:
        configuration["DeadLetterConfig"] = self.dead_letter_config
    return configuration


def _refuse(spec: Mapping[str, Any]) -> None:
    name = spec["FunctionName"]
    if spec.get("PackageType", "Zip") != "Zip":
        raise InvalidParameterValueException(
            f"{name}: PackageType {spec['PackageType']} does not run locally, Zip does"
        )
    if reason := lambda_runtimes.refusal(str(spec.get("Runtime"))):
        raise InvalidParameterValueException(f"{name}: Runtime {reason}")


def _keep_what_moto_drops(function: Any, spec: Mapping[str, Any]) -> None:
    function.logging_config = spec.get("LoggingConfig") or getattr(function, "logging_config", {})
    function.dead_letter_config = spec.get("DeadLetterConfig") or getattr(function, "dead_letter_config", {})
    function.logs_group_name = function.logging_config.get("LogGroup") or f"/aws/lambda/{function.function_name}"


def _invoke(self: Any, body: str | bytes, request_headers: Any, response_headers: Any) -> bytes:
    headers = {name.lower(): value for name, value in dict(request_headers).items()}
    kind = headers.get("x-amz-invocation-type", "RequestResponse")
    payload = body.encode() if isinstance(body, str) else body or b"{}"
    if not payload.strip():
        payload = b"{}"
    _check_json(payload)
    if kind == "DryRun":
        return b""
    if kind == "Event":
        runtime().asynchronous.submit(self, payload)
        return b""
    try:
        outcome = runtime().invoke(self, payload)
    except bundles.BundleError as error:
        log.error("%s cannot run: %s", self.function_name, error)
        outcome = InvocationOutcome(
            "", json.dumps({"errorType": "LocalAws.Bundle", "errorMessage": str(error)}).encode(), True, ""
        )
    response_headers["X-Amz-Executed-Version"] = str(self.version)
    if outcome.failed:
        response_headers["x-amz-function-error"] = "Unhandled"
    response_headers["x-amz-log-result"] = base64.b64encode(outcome.logs.encode()[-_TAIL_BYTES:]).decode()
    return outcome.payload


def _check_json(payload: bytes) -> None:
    try:
        json.loads(payload)
    except ValueError as error:
        raise LambdaClientError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from error
