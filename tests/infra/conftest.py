"""Every environment is synthesized once, in process, with an empty layer: no wheel is installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.bundle import Bundle, code_folder, layer_folder
from localaws.server import LocalAws
from sluice.project import Project
from tests.folders import CACHE, ENVIRONMENTS, SMALL
from tests.infra.people import Deployed, deliver, hidden
from tests.infra.people_uses import FOREIGN, PARTNER
from tests.infra.templates import Cloud, read_cloud, synthesize
from tests.shared import compiled_once, made_once

#: This repository's environments, with producers of a dataset of files and of one of streams.
PEOPLED = {
    name: replace(environment, producers={"orders": (PARTNER,), "clicks": ()})
    for name, environment in ENVIRONMENTS.items()
}


@pytest.fixture(scope="session")
def project(request: pytest.FixtureRequest) -> Project:
    """The small project, whose stacks these tests look at."""
    return compiled_once(request, SMALL / "contracts")


@pytest.fixture(scope="session")
def bundle(project: Project, request: pytest.FixtureRequest) -> Bundle:
    def make(folder: Path) -> None:
        (folder / "layer").mkdir()
        (folder / "layer" / "placeholder").write_text("The wheels are not here.")
        code_folder(project, folder / "code")

    folder = made_once(request, "bundle", make)
    return Bundle(folder / "code", folder / "layer", (SMALL / "glue_jobs",))


@pytest.fixture(scope="session")
def clouds(project: Project, bundle: Bundle, request: pytest.FixtureRequest) -> dict[str, Cloud]:
    def make(folder: Path) -> None:
        for name, environment in PEOPLED.items():
            synthesize(environment, project, bundle, folder / name, nag=True)

    folder = made_once(request, "clouds", make)
    return {name: read_cloud(environment, folder / name) for name, environment in PEOPLED.items()}


@pytest.fixture(params=sorted(ENVIRONMENTS))
def cloud(request: pytest.FixtureRequest, clouds: dict[str, Cloud]) -> Cloud:
    """Each environment in turn."""
    return clouds[request.param]


@pytest.fixture
def prod(clouds: dict[str, Cloud]) -> Cloud:
    return clouds["prod"]


@pytest.fixture(scope="module")
def peopled(project: Project, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The stacks with their real layer, in which silver.clicks has a private column, with what producers delivered.

    It ends with its module: a process has one local AWS at a time, and other modules of this folder start their own.
    """
    yield from deployed_anew(project, bundle, tmp_path_factory, customer_key=False)


@pytest.fixture(scope="module")
def encrypted(project: Project, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The same, with all that can be encrypted by the deployment's own key."""
    yield from deployed_anew(project, bundle, tmp_path_factory, customer_key=True)


def deployed_anew(
    project: Project, bundle: Bundle, folders: pytest.TempPathFactory, *, customer_key: bool
) -> Iterator[Deployed]:
    CACHE.mkdir(parents=True, exist_ok=True)
    real = Bundle(bundle.code, layer_folder(CACHE), bundle.transforms)
    producers = {"orders": (), "clicks": (), "readings": (FOREIGN,)}
    environment = replace(ENVIRONMENTS["dev"], producers=producers, customer_key=customer_key)
    cloud = synthesize(environment, hidden(project, "session_id"), real, folders.mktemp("assembly"))
    with LocalAws.start(scratch=folders.mktemp("aws")) as running:
        outputs = running.deploy(cloud.folder)
        deployed = Deployed(running, {name: value for stack in outputs.values() for name, value in stack.items()})
        # What it takes up each minute is taken up by people here.
        for rule in running.context.client("events").list_rules()["Rules"]:
            if rule["Name"].startswith("sluice-dev-recovery-EachMinute"):
                running.context.client("events").disable_rule(Name=rule["Name"])
        deliver(deployed)
        yield deployed
