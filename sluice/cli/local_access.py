"""How this process reaches a local AWS: its endpoint, region and secret. Imported for every command, so it is light."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from sluice.folders import ProjectFolder, present_project

REGION = "us-east-1"
WELL_KNOWN_SECRET = "test"


def environment_lines(endpoint: str, secret: str = WELL_KNOWN_SECRET, region: str = REGION) -> list[str]:
    """Return the ``export`` lines with which a shell's AWS clients reach the local AWS."""
    return [
        f"export AWS_ENDPOINT_URL={endpoint}",
        f"export AWS_REGION={region}",
        f"export AWS_DEFAULT_REGION={region}",
        "export AWS_ACCESS_KEY_ID=test",
        f"export AWS_SECRET_ACCESS_KEY={secret}",
    ]


def export(endpoint: str, secret: str = WELL_KNOWN_SECRET, region: str = REGION) -> None:
    """Set this process's environment to the local AWS, and remove any session token of another account."""
    for line in environment_lines(endpoint, secret, region):
        name, _, value = line.removeprefix("export ").partition("=")
        os.environ[name] = value
    os.environ.pop("AWS_SESSION_TOKEN", None)


def who_may(secret: str) -> str:
    """Return one sentence about who can use a local AWS with this secret access key."""
    if secret == WELL_KNOWN_SECRET:
        return (
            "The secret is `test`, as always: other users of this machine can use this AWS, web pages cannot; "
            "`sluice up --secret` keeps other users out, too."
        )
    return "The secret is this run's own: only you can use this AWS, not other users of this machine, not web pages."


def adopt() -> None:
    """Set the secret access key of the local AWS at the environment's endpoint from its file, if this project runs it.

    Nothing is done when the environment has a secret other than the well-known one.
    """
    given = os.environ.get("AWS_ACCESS_KEY_ID", "test"), os.environ.get("AWS_SECRET_ACCESS_KEY", WELL_KNOWN_SECRET)
    project = present_project()
    if project is None or given != ("test", WELL_KNOWN_SECRET):
        return
    if found := access(os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/"), project):
        export(found["endpoint"], found["secret"], os.environ.get("AWS_REGION") or found["region"])


def own_run(project: ProjectFolder) -> dict[str, str] | None:
    """Return ``access.json``, decoded, of the local AWS at the environment's endpoint; None if it is another's."""
    return access(os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/"), project)


def access(endpoint: str, project: ProjectFolder) -> dict[str, str] | None:
    """Return ``access.json`` of the local AWS at ``endpoint``, decoded, or None if the project started none there."""
    where = folder_mark(endpoint, project)
    try:
        found: dict[str, str] = json.loads((Path(where.read_text()) / "access.json").read_text())
    except (OSError, ValueError):
        return None
    return found if found["endpoint"] == endpoint else None


def folder_mark(endpoint: str, project: ProjectFolder) -> Path:
    """Return the path of the file with the data folder of the local AWS at ``endpoint``."""
    return project.cache / "running" / re.sub(r"[^a-z0-9.]+", "-", endpoint)
