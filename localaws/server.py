"""Starts and stops the local AWS, and deploys cloud assemblies into it."""

from __future__ import annotations

import itertools
import json
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import werkzeug.exceptions

from localaws import api_models, concurrency, folders, spared
from localaws.cloudformation import api
from localaws.cloudformation.assembly import bootstrap, publish, read_assembly
from localaws.cloudformation.engine import StackEngine
from localaws.cloudformation.errors import AssemblyError, DeployError
from localaws.context import ADMIN_ACCESS_KEY, WELL_KNOWN_SECRET, Context
from localaws.gateway import access, admission, faults, gate, one_reading
from localaws.gateway.http import App, Listener
from localaws.moto_patches import replace

__all__ = ["LocalAws"]

_log = logging.getLogger("localaws")

_FAULTS = "/_localaws/faults"
#: The local AWS that was last started in this process.
_running: list[Context] = []


@dataclass(frozen=True)
class LocalAws:
    """One running local AWS; also a context manager that closes it."""

    context: Context
    engine: StackEngine

    @classmethod
    def start(cls, *, port: int = 0, scratch: Path, region: str = "us-east-1", secret: str = WELL_KNOWN_SECRET) -> Self:
        """Start an empty local AWS on a loopback port (0: any free one) that writes below ``scratch`` only.

        ``secret`` is the secret key of the administrator's access key; `access` writes the file where this user's
        clients find it.

        Only one can run in a process at a time: moto's state belongs to the process, and is emptied here. Raises a
        RuntimeError while another runs, and `folders.NotOurs` where other users could write to ``scratch``.
        """
        scratch = folders.own(scratch)
        if _running and not _running[-1].stopping.is_set():
            raise RuntimeError(f"a local AWS runs in this process at {_running[-1].endpoint}: close it first")
        listener = Listener(port)
        context = Context(endpoint=listener.endpoint, scratch=scratch, region=region, secret=secret)
        _running[:] = [context]
        context.on_close(listener.close)
        try:
            _log_to(scratch / "localaws.log", context)
            _set_environment(context)
            running = cls(context, StackEngine(context))
            access.write(context)
            listener.start(running._app())
            bootstrap(context)
        except BaseException:
            context.close()
            raise
        _log.info("listening at %s", context.endpoint)
        return running

    @property
    def endpoint(self) -> str:
        """Return the base URL that serves every API."""
        return self.context.endpoint

    def deploy(
        self, assembly_dir: Path, told: Callable[[int, int], None] = lambda done, of: None
    ) -> dict[str, dict[str, str]]:
        """Deploy every stack of a cloud assembly, and return each stack's outputs by its name.

        ``told`` gets how many resources are deployed, and of how many. Every template is checked before anything is
        created. Raises a DeployError; stacks deployed before the failing one stay deployed.
        """
        stacks = read_assembly(assembly_dir)
        for stack in stacks:
            if stack.region not in (None, self.context.region):
                raise AssemblyError(
                    f"the stack {stack.name} belongs to {stack.region}, but this local AWS is {self.context.region}. "
                    "Nothing was deployed. Start it with that region."
                )
        plans = [self.engine.check(stack.name, stack.text, parameters=stack.parameters) for stack in stacks]
        done, of = itertools.count(1), sum(len(plan.resources) for plan in plans)
        publish(self.context, tuple(asset for stack in stacks for asset in stack.assets))
        outputs = {}
        for stack in stacks:
            made = self.engine.deploy(
                stack.name,
                stack.text,
                parameters=stack.parameters,
                tags=stack.tags,
                applied=lambda: told(next(done), of),
            )
            outputs[stack.name] = {name: output.value for name, output in made.outputs.items()}
        return outputs

    def warm_up(self) -> None:
        """Import modules that take long and that no deployment needs, so that no later call waits for them.

        These are the query engine and moto's side of CloudFormation's API. The latter is imported by calling it: moto's
        services import each other, and the server imports them one after the other.
        """
        from localaws import athena

        athena.warm_up()
        self.context.client("cloudformation").describe_stacks()

    def close(self) -> None:
        """Stop everything and drop the state."""
        self.context.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _app(self) -> App:
        from moto.core.base_backend import BackendDict
        from moto.core.model_instances import reset_model_data
        from moto.moto_server import werkzeug_app

        from localaws import apigateway

        # moto's default reflects every origin; what a bucket's CORS rules allow, `localaws.gateway.cors` says.
        replace(werkzeug_app, "DISABLE_GLOBAL_CORS", True)
        BackendDict.reset()
        reset_model_data()
        spared.spare_batch()
        spared.spare_ec2()
        api_models.share()
        one_reading.install()
        self._install_services()

        def create(service: Any) -> Any:
            if service in {None, "moto_api", "instance_metadata"}:
                return werkzeug.exceptions.NotFound()  # moto's own route resets everything for any caller
            # With the first call of it: a deployment at the start needs none.
            if service == "cloudformation":
                api.install(self.context, self.engine)
            if service == "apigateway":
                apigateway.install_rest()
            return werkzeug_app.create_backend_app(service)

        return self._guarded(werkzeug_app.DomainDispatcherApplication(create))

    def _install_services(self) -> None:
        from localaws import apigateway, athena, dynamodb, events, functions, glue, iam, kinesis, logs, s3, sns, sqs
        from localaws import stepfunctions as states

        services = (iam, s3, sqs, sns, kinesis, dynamodb, logs, functions, events, states, glue, athena, apigateway)
        for service in services:
            service.install(self.context)
        concurrency.install(self.context)  # last: it wraps what was put in place before, too

    def _guarded(self, app: App) -> App:
        """Return ``app`` behind its checks, in this order: origin, signature, faults of tests, permissions."""
        from localaws import iceberg_rest
        from localaws.apigateway import serving
        from localaws.iam import enforcement

        ctx = self.context
        permitted = iceberg_rest.middleware(enforcement.middleware(app, ctx), ctx)
        verified = admission.middleware(faults.middleware(permitted, ctx), ctx)
        return gate.guard(serving.middleware(self._with_own_routes(verified), ctx), ctx)

    def _with_own_routes(self, app: App) -> App:
        def route(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            if not path.startswith(gate.OWN):
                return app(environ, start_response)
            if path.startswith(_FAULTS):
                served: Iterable[bytes] = faults.serve(environ, start_response)
                return served
            status, answer = self._own_route(environ["REQUEST_METHOD"], path.removeprefix(gate.OWN), environ)
            body = json.dumps(answer).encode()
            start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            return [body]

        return route

    def _own_route(self, method: str, path: str, environ: dict[str, Any]) -> tuple[str, Any]:
        if (method, path) == ("GET", "health"):
            stacks = {name: stack.status for name, stack in self.engine.stacks.items()}
            return "200 OK", {"status": "ready", "region": self.context.region, "stacks": stacks}
        if (method, path) == ("POST", "deploy"):
            try:
                wanted = json.loads(environ["wsgi.input"].read())
                return "200 OK", self.deploy(Path(wanted["assembly"]))
            except DeployError as error:
                return "400 Bad Request", {"error": type(error).__name__, "message": str(error)}
            except (ValueError, KeyError, TypeError) as error:
                message = f'the body must be {{"assembly": "<directory>"}}: {error}'
                return "400 Bad Request", {"error": "BadRequest", "message": message}
        return "404 Not Found", {"error": "NotFound", "message": f"{method} {gate.OWN}{path} is not served"}


#: Refused requests write log lines: this many bytes of them are kept, and as much again from before.
_LOG_BYTES = 32 * 2**20


class _OwnFile(RotatingFileHandler):
    """A log file that is never written through a link; at most two pieces of it are kept."""

    def _open(self) -> Any:
        return os.fdopen(folders.open_for_writing(Path(self.baseFilename), append=True), "a", encoding="utf-8")


def _log_to(path: Path, context: Context) -> None:
    """Write the logs of localaws and werkzeug to a file, not to the terminal."""
    handler = _OwnFile(path, maxBytes=_LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    loggers = [logging.getLogger(name) for name in ("localaws", "werkzeug")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
    loggers[0].setLevel(logging.INFO)
    loggers[1].setLevel(logging.WARNING)
    loggers[1].propagate = False

    def undo() -> None:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
        handler.close()

    context.on_close(undo)


def _set_environment(context: Context) -> None:
    """Point this process's AWS SDKs at the local AWS, away from the user's own account and files, until it closes."""
    wanted: dict[str, str | None] = {
        "AWS_ACCESS_KEY_ID": ADMIN_ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": context.secret,
        "AWS_SESSION_TOKEN": None,
        "AWS_PROFILE": None,
        "AWS_DEFAULT_PROFILE": None,
        "AWS_ROLE_ARN": None,
        "AWS_WEB_IDENTITY_TOKEN_FILE": None,
        "AWS_DEFAULT_REGION": context.region,
        "AWS_REGION": context.region,
        "AWS_ENDPOINT_URL": context.endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MOTO_PORT": context.endpoint.rsplit(":", 1)[1],
        "MOTO_LAMBDA_DATA_DIR": str(context.scratch / "moto-lambda"),
    }
    before = {name: os.environ.get(name) for name in wanted}

    def apply(values: dict[str, str | None]) -> None:
        for name, value in values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    apply(wanted)
    context.on_close(lambda: apply(before))
