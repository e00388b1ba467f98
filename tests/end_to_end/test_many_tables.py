"""Five hundred derived tables in one refresh: what Step Functions would count stays inside its limits."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.running import Deployment, started

pytestmark = pytest.mark.proof

SOURCES, TABLES, LAYERS = 5, 500, 10
#: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MOST_EVENTS, MOST_BYTES = 25_000, 256 * 1024


def contract(table: str, *, landing: bool) -> dict[str, Any]:
    name = table.partition(".")[2]
    columns = [
        {"name": "id", "logicalType": "string", "physicalType": "string", "primaryKey": True, "required": True},
        {"name": "n", "logicalType": "integer", "physicalType": "bigint"},
    ]
    servers = [{"server": "landing", "type": "s3", "location": f"s3://landing/{name}/", "format": "csv"}]
    return {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": table, "version": "1.0.0", "status": "active",
        "schema": [{"name": name, "physicalName": table, "physicalType": "table", "properties": columns}],
        **({"servers": servers} if landing else {}),
    }  # fmt: skip


def declare(folder: Path) -> dict[str, list[str]]:
    """Write contracts and transforms of a layered graph; return each derived table's inputs."""
    chance = random.Random(4)
    layers = [[f"bronze.source_{number}" for number in range(SOURCES)]]
    inputs: dict[str, list[str]] = {}
    for layer in range(LAYERS):
        database = "silver" if layer < LAYERS // 2 else "gold"
        layers.append([f"{database}.t{layer}_{number}" for number in range(TABLES // LAYERS)])
        for table in layers[-1]:
            inputs[table] = chance.sample(layers[-2], chance.randint(1, 3))
    (folder / "contracts").mkdir(parents=True)
    for table in [*layers[0], *inputs]:
        described = yaml.safe_dump(contract(table, landing=table.startswith("bronze.")))
        (folder / "contracts" / f"{table}.yaml").write_text(described)
    for table, tables in inputs.items():
        database, _, name = table.partition(".")
        code = folder / "glue_jobs" / database / f"{name}.py"
        code.parent.mkdir(parents=True, exist_ok=True)
        declared = "".join(f'    p{n}=source("{each}", on="id"),\n' for n, each in enumerate(tables))
        union = "".join(f'.unionByName(p{n}.select("id", "n"))' for n in range(1, len(tables)))
        code.write_text(
            "from pyspark.sql import functions as F\n\nfrom sluice.transforms import source, transform\n\n\n"
            f'@transform(\n    write="merge",\n    recompute_key="id",\n{declared})\n'
            f"def {name}({', '.join(f'p{n}' for n in range(len(tables)))}):\n"
            f'    rows = p0.select("id", "n"){union}\n'
            '    return rows.groupBy("id").agg(F.max("n").alias("n"))\n'
        )
    return inputs


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, dict[str, list[str]]]]:
    folder = tmp_path_factory.mktemp("many")
    inputs = declare(folder)
    with started(tmp_path_factory.mktemp("aws"), [folder / "contracts"]) as deployment:
        yield deployment, inputs


def test_five_hundred_tables_refresh_within_the_limits(many: tuple[Deployment, dict[str, list[str]]]) -> None:
    deployment, inputs = many
    wanted: dict[str, dict[str, int]] = {}
    for round_ in range(2):
        for number in range(SOURCES):
            ids = range(20) if round_ == 0 else range(2)
            rows = {f"k{each}": 1000 * round_ + 10 * number + each for each in ids}
            text = "id,n\n" + "".join(f"{key},{value}\n" for key, value in rows.items())
            deployment.put(f"source_{number}/{round_}.csv", text.encode())
            wanted.setdefault(f"bronze.source_{number}", {}).update(rows)
        deployment.settle(timeout=3600)
    for table, tables in inputs.items():
        wanted[table] = {}
        for each in tables:
            for key, value in wanted[each].items():
                wanted[table][key] = max(value, wanted[table].get(key, value))
    for table in inputs:
        found = {row["id"]: row["n"] for row in deployment.table(table).scan().to_arrow().to_pylist()}
        assert found == wanted[table], table
    counted = [count(deployment, arn) for arn in executions(deployment)]
    for each in counted:
        print(each)  # noqa: T201 - what AWS would count is the result
    assert max(each["events"] for each in counted) < MOST_EVENTS
    assert max(each["largest payload, bytes"] for each in counted) < MOST_BYTES
    assert sum(each["runs"] for each in counted) >= TABLES


def executions(deployment: Deployment) -> list[str]:
    pages = deployment.client("stepfunctions").get_paginator("list_executions")
    machine = deployment.outputs["RefreshStateMachineArn"]
    return [e["executionArn"] for page in pages.paginate(stateMachineArn=machine) for e in page["executions"]]


def count(deployment: Deployment, execution: str) -> dict[str, int]:
    """Return what AWS counts of an execution; a transition is a state entered."""
    pages = deployment.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution)
    events = [event for page in pages for event in page["events"]]
    kinds = Counter(event["type"] for event in events)
    payloads = [len(json.dumps(event, default=str)) for event in events]
    return {
        "events": len(events),
        "transitions": sum(number for kind, number in kinds.items() if kind.endswith("StateEntered")),
        "runs": kinds["MapIterationSucceeded"],
        "largest payload, bytes": max(payloads),
    }
