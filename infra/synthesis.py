"""Synthesizes a project: its contracts and transforms, its environment, Sluice's stacks and those of its owner."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import (
    App,
    CfnParameter,
    CfnRule,
    CfnRuleAssertion,
    Fn,
    IResolveContext,
    IStringProducer,
    Lazy,
    Stack,
    Tags,
)
from aws_cdk import aws_iam as iam

from sluice.environments import Environment, declared_environment
from sluice.errors import CommandError, SluiceError, WrongArgument
from sluice.folders import ProjectFolder, needed_project
from sluice.project import Project
from sluice.transforms.discover import transform_folders

from .accepted import accept_findings
from .accepted_controls import accept_controls
from .bundle import Bundle, code_folder, layer_folder
from .ingestion import IngestionStack
from .processing import ProcessingStack
from .recovery import RecoveryStack
from .serving import ServingStack
from .storage import StorageStack
from .streams import StreamsStack, add_streams

__all__ = ["Stacks", "add_stacks", "read_outputs_anew", "synthesize"]

#: What the CDK CLI says of the credentials that it deploys with.
#: https://docs.aws.amazon.com/cdk/v2/guide/environments.html
_ACCOUNT = "CDK_DEFAULT_ACCOUNT"


@dataclass(frozen=True)
class Stacks:
    """Sluice's stacks of one environment, for stacks of one's own that refer to them."""

    environment: Environment
    project: Project
    storage: StorageStack
    ingestion: IngestionStack
    processing: ProcessingStack
    streams: tuple[StreamsStack, ...]
    recovery: RecoveryStack
    serving: ServingStack


def add_stacks(app: App, environment: Environment, project: Project, bundle: Bundle) -> Stacks:
    """Add every stack of one environment to ``app``, and return them."""
    name = environment.title
    storage = StorageStack(app, f"{name}-storage", environment=environment, project=project, bundle=bundle)
    ingestion = IngestionStack(app, f"{name}-ingestion", environment=environment, storage=storage, bundle=bundle)
    processing = ProcessingStack(app, f"{name}-processing", environment=environment, ingestion=ingestion, bundle=bundle)
    streams = tuple(
        add_streams(app, name, environment=environment, project=project, ingestion=ingestion, bundle=bundle)
    )
    recovery = RecoveryStack(
        app,
        f"{name}-recovery",
        environment=environment,
        ingestion=ingestion,
        processing=processing,
        streams=list(streams),
        bundle=bundle,
    )
    serving = ServingStack(
        app,
        f"{name}-serving",
        environment=environment,
        project=project,
        ingestion=ingestion,
        processing=processing,
        streams=streams,
        recovery=recovery,
    )
    for reading in (ingestion, processing, *streams, recovery, serving):
        read_outputs_anew(reading)
    named = {
        "storage": storage,
        "ingestion": ingestion,
        "processing": processing,
        "recovery": recovery,
        "serving": serving,
    }
    accept_findings(named, storage)
    if not environment.keep_data:
        accept_findings({"emptied": storage}, storage)
    if streams:
        accept_findings({"served_streams": serving}, storage)
    for stack in streams:
        accept_findings({"streams": stack}, storage)
    accept_controls([*named.values(), *streams], environment)
    _mark(app, environment, storage)
    return Stacks(environment, project, storage, ingestion, processing, streams, recovery, serving)


def read_outputs_anew(stack: Stack) -> None:
    """Have the CDK CLI make a change set for ``stack`` at each deployment; it deletes one that changes nothing.

    What a stack reads of another (``Fn::GetStackOutput``) is read when it is updated, and the CLI passes over a stack
    whose template is the same: of data that were made anew, it would keep the old names. It passes over none that has a
    parameter of Parameter Store, but for those with ``[cdk:skip]``. The one that is taken is that of CDK's bootstrap,
    by which the stack's own synthesizer looks for its version; a stack without one is refused when it is synthesized:
    https://github.com/aws/aws-cdk-cli/blob/main/packages/@aws-cdk/toolkit-lib/lib/api/cloudformation/cfn-api.ts
    """
    there = CfnParameter(
        stack,
        "ReadAnew",
        type="AWS::SSM::Parameter::Value<String>",
        default=Lazy.uncached_string(_BootstrapVersion(stack)),
        description="With it the CDK CLI looks at each deployment for changed outputs of other stacks",
    )
    # Something has to take its value, and no resource may change with it.
    empty = Fn.condition_equals(there.value_as_string, "")
    holds = CfnRuleAssertion(assert_=Fn.condition_not(empty), assert_description="CDK's bootstrap has a version")
    CfnRule(stack, "ReadsAnew", assertions=[holds])


@jsii.implements(IStringProducer)
class _BootstrapVersion:
    """The name of the parameter by which a stack looks for the version of CDK's bootstrap.

    Which one it is, if any, the stack's synthesizer alone knows, and says when it synthesizes.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def produce(self, context: IResolveContext) -> str:
        """Return the name; raise ``WrongArgument`` for a stack that has none."""
        own = self._stack.node.try_find_child("BootstrapVersion")
        if isinstance(own, CfnParameter):
            return str(own.default)
        if context.preparing:
            return ""
        raise WrongArgument(
            f"The stack {self._stack.stack_name} has no parameter BootstrapVersion, so that read_outputs_anew has none "
            "of Parameter Store to read: its synthesizer looks for no version of CDK's bootstrap.",
            safe="nothing was deployed or changed.",
            next_step="leave read_outputs_anew out for it and deploy it with --force, or give it a "
            "DefaultStackSynthesizer with generate_bootstrap_version_rule.",
            value=self._stack.stack_name,
        )


def _mark(app: App, environment: Environment, stack: Stack) -> None:
    """Give the environment's tags to every stack and resource of ``app``, and its boundary to every role.

    CDK does so when it synthesizes: stacks that are added later have them, too.
    """
    for key, value in sorted((environment.tags or {}).items()):
        Tags.of(app).add(key, value)
    if environment.permissions_boundary:
        policy = iam.ManagedPolicy.from_managed_policy_arn(
            stack, "PermissionsBoundary", environment.permissions_boundary
        )
        iam.PermissionsBoundary.of(app).apply(policy)


def synthesize(add: Callable[[App, Stacks], None] | None = None, *, root: Path | None = None) -> int:
    """Synthesize the project in ``root``, by default the present one; ``add`` adds stacks of one's own.

    Return the exit status; what is wrong with the declarations is said in plain words on standard error. Context:
    ``env`` (an environment of environments.yaml, ``dev`` by default), ``contracts`` (folders, as a JSON list or
    separated by commas; by default ``contracts``).
    """
    try:
        _synthesize(needed_project() if root is None else ProjectFolder(root), add)
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _synthesize(here: ProjectFolder, add: Callable[[App, Stacks], None] | None) -> None:
    # The CLI passes cdk.json's context itself; outside of it this is how tests and `sluice up` see the same.
    # What the CLI gives in the environment is passed on: CDK's kernel may have been started before it was there.
    app = App(
        context=_declared_context(here.root / "cdk.json"),
        outdir=os.environ.get("CDK_OUTDIR"),
        post_cli_context=json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}")),
    )
    environment = _environment(here, str(app.node.try_get_context("env") or "dev"))
    folders = [here.root / folder for folder in _contracts(app.node.try_get_context("contracts"))]
    here.cache.mkdir(parents=True, exist_ok=True)
    # Imported here, so that a broken module of a format is told of as a broken contract is.
    from sluice.load import load_project

    project = load_project(folders)
    with tempfile.TemporaryDirectory() as scratch:
        code = code_folder(project, Path(scratch) / "code", here.cache)
        bundle = Bundle(code, layer_folder(here.cache), tuple(transform_folders(folders)))
        stacks = add_stacks(app, environment, project, bundle)
        if add is not None:
            add(app, stacks)
        app.synth()


def _contracts(given: Any) -> list[str]:
    """Return the folders that the context names: a list, the text of a JSON list, or a text with commas between."""
    if isinstance(given, str) and given.startswith("["):
        given = json.loads(given)
    if isinstance(given, list):
        return [str(folder) for folder in given]
    return str(given or "contracts").split(",")


def _declared_context(file: Path) -> dict[str, Any]:
    """Return the context that cdk.json declares; ``CommandError`` names the line that is no JSON."""
    line, why = 1, "it holds one JSON object, whose `context` is one"
    try:
        declared = json.loads(file.read_text(encoding="utf-8"))
        context = declared.get("context", {}) if isinstance(declared, dict) else None
        if isinstance(context, dict):
            return context
    except json.JSONDecodeError as error:
        line, why = error.lineno, f"it is not JSON: {error.msg}"
    except UnicodeDecodeError as error:
        why = f"it is not UTF-8: {error}"
    raise CommandError(
        f"{file}:{line}: {why}.",
        safe="nothing was deployed or changed.",
        next_step="mend it there; `sluice init NAME` in another folder shows what it holds.",
        file=str(file),
        position=line,
    )


def _environment(here: ProjectFolder, wanted: str) -> Environment:
    """Return the environment of that name; ``CommandError`` when there is none, or the account is another."""
    found = declared_environment(here.environments, wanted)
    account = os.environ.get(_ACCOUNT)
    if found.account and account and account != found.account:
        raise CommandError(
            f"The environment {wanted} belongs to the account {found.account}, but the credentials are of {account}.",
            safe="nothing was deployed or changed.",
            next_step=f"take credentials of {found.account}, or mend `account` in {here.environments}.",
            value=account,
            file=str(here.environments),
        )
    return found
