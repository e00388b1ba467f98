"""Every environment is synthesized once, in process, with an empty layer: no wheel is installed."""

from __future__ import annotations

import pytest

from infra.app import declared_project
from infra.bundle import ROOT, code_folder
from infra.config import ENVIRONMENTS
from infra.functions import Bundle
from sluice.project import Project
from tests.infra.templates import Cloud, synthesize


@pytest.fixture(scope="session")
def project() -> Project:
    return declared_project([ROOT / "contracts"])


@pytest.fixture(scope="session")
def bundle(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle")
    layer = folder / "layer"
    layer.mkdir()
    (layer / "placeholder").write_text("The wheels are not here.")
    return Bundle(code_folder(project, folder / "code"), layer)


@pytest.fixture(scope="session")
def clouds(project: Project, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cloud]:
    return {
        name: synthesize(environment, project, bundle, tmp_path_factory.mktemp(name), nag=True)
        for name, environment in ENVIRONMENTS.items()
    }


@pytest.fixture(params=sorted(ENVIRONMENTS))
def cloud(request: pytest.FixtureRequest, clouds: dict[str, Cloud]) -> Cloud:
    """Each environment in turn."""
    return clouds[request.param]


@pytest.fixture
def prod(clouds: dict[str, Cloud]) -> Cloud:
    return clouds["prod"]
