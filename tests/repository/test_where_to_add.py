"""The table of where to add is true: a toy of each kind is added in the one place that it names, and works.

Each toy goes into a copy of the packages, as one file (a way to write: as one more entry), and is used in a process of
its own, which imports that copy.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.folders import ROOT
from tests.repository.test_pages import FOLDERS

TOYS = Path(__file__).parent / "toys"
#: Where each kind of thing is added, by the table of CONTRIBUTING.md: the paths that its second column names.
PLACES: dict[str, list[str]] = {
    row[0]: re.findall(rf"`((?:{FOLDERS})/[\w./]*)`", row[1])
    for row in (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in re.findall(r"## Where to add\n(.*?)\n## ", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)[
            0
        ].splitlines()
        if line.startswith("| a")
    )
}
Done = subprocess.CompletedProcess[str]
RUN = "from sluice.cli import app; app()"


def place(kind: str) -> str:
    (only,) = PLACES[kind]
    return only


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the packages, without what this repository declares."""
    for package in ("sluice", "localaws", "infra", "lambdas"):
        shutil.copytree(ROOT / package, tmp_path / "copy" / package)
    return tmp_path / "copy"


def add(copy: Path, kind: str, toy: str) -> None:
    shutil.copyfile(TOYS / toy, copy / place(kind) / "toy.py")


def run(
    copy: Path, code: str, *arguments: str | Path, others: tuple[Path, ...] = ()
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (copy, *others)))}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=copy, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def answer(copy: Path, code: str, *arguments: str | Path, others: tuple[Path, ...] = ()) -> Any:
    """What the code prints last, as JSON."""
    done = run(copy, code, *arguments, others=others)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def declare(folder: Path, server: dict[str, Any], **arrival: Any) -> Path:
    """Write the contract of a dataset ``things``; return its folder."""
    columns = [
        {"name": "id", "logicalType": "string", "physicalType": "string", "primaryKey": True, "required": True},
        {"name": "n", "logicalType": "integer", "physicalType": "int"},
    ]
    contract: dict[str, Any] = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "toys", "name": "Things", "version": "1.0.0",
        "status": "active", "servers": [server],
        "schema": [{"name": "things", "physicalName": "bronze.things", "properties": columns}],
    }  # fmt: skip
    if arrival:
        contract["customProperties"] = [{"property": "arrival", "value": arrival}]
    (folder / "contracts").mkdir(exist_ok=True)
    (folder / "contracts" / "things.yaml").write_text(yaml.safe_dump(contract))
    return folder / "contracts"


LANDING = {"server": "landing", "type": "s3", "location": "s3://landing/things/", "format": "toy"}
STREAM = {"server": "stream", "type": "kinesis", "stream": "things", "format": "toy"}
#: Ships the functions' code, with the declared project, as a deployment does.
SHIP = """
import sys; from pathlib import Path
from infra.bundle import code_folder
from sluice.load import load_contracts
from sluice.project import Project
code_folder(Project(load_contracts([Path(sys.argv[1])])), Path(sys.argv[2]))
"""
#: Reads a file as the ingestor does.
READ = """
import io, json, sys; from contextlib import nullcontext; from pathlib import Path
from sluice.decoding import json_decoder
from sluice.ingestion.read import read_checked
from sluice.ingestion.source import BytesSpool, ByteSource
from sluice.project import Project
(contract,) = json_decoder(Project)(Path("project.json").read_bytes()).contracts
data = sys.argv[1].encode()
source = ByteSource("s3://landing/things/a", len(data), "none", lambda: io.BytesIO(data), lambda: io.BytesIO(data),
                lambda _: nullcontext(BytesSpool()))
parts = list(read_checked(source, contract))
print(json.dumps([[row for part in parts for row in part.accepted.to_pylist()],
                  [row["record"].decode() for part in parts for row in part.rejected.to_pylist()]]))
"""
#: Stages the records of one Kinesis event and reads the rows that it staged.
STAGE = """
import base64, json, sys; from pathlib import Path; from types import SimpleNamespace
import pyarrow.parquet as pq
from sluice.decoding import json_decoder
from sluice.ingestion.ingest_stream import ingest_records
from sluice.project import Project
from sluice.storage import LocalStore
project = json_decoder(Project)(Path("project.json").read_bytes())
records = [{"eventID": f"shardId-000000000000:{n}", "eventSourceARN": "arn:aws:kinesis:us-east-1:1:stream/things",
            "kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": "p", "sequenceNumber": str(n),
                        "data": base64.b64encode(data.encode()).decode(), "approximateArrivalTimestamp": 1.0}}
           for n, data in enumerate(sys.argv[2:])]
settings = SimpleNamespace(lake=sys.argv[1], database_prefix="")
(unit,) = ingest_records(records, project, settings, LocalStore())
rows = [row for file in unit.rows for row in pq.read_table(file).to_pylist()]
kept = [row for file in unit.quarantine for row in pq.read_table(file).to_pylist()]
print(json.dumps([[[row["id"], row["n"], row["_operation"], row["_log_position"]] for row in rows],
                  [row["reasons"][0]["code"] for row in kept]]))
"""


def shipped(copy: Path, contracts: Path, out: Path) -> Path:
    done = run(copy, SHIP, contracts, out)
    assert done.returncode == 0, done.stderr
    return out


def test_each_kind_names_one_place_that_is_there() -> None:
    kinds = {"a file format", "a stream envelope", "a resource provider", "a write mode", "a command", "an alarm"}
    assert kinds < set(PLACES)
    for kind in kinds:
        assert (ROOT / place(kind)).exists(), kind


@pytest.mark.slow
def test_a_file_format_is_one_file(copy: Path, tmp_path: Path) -> None:
    contracts = declare(tmp_path, LANDING, separator="|")
    before = run(copy, RUN, "check", "--contracts", contracts)
    assert before.returncode == 1
    assert "'toy' is not allowed; allowed: access_log, csv, json, ndjson, parquet" in before.stderr

    add(copy, "a file format", "file_format.py")
    checked = run(copy, RUN, "check", "--contracts", contracts)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == "1 landing dataset and 0 transforms are sound.\n"
    code = shipped(copy, contracts, tmp_path / "shipped")
    assert answer(code, READ, "id=a|n=1\nid=b|n=many\nn=3|id=c\n") == [
        [{"id": "a", "n": 1}, {"id": "c", "n": 3}],
        ["id=b|n=many"],
    ]

    wrong = run(copy, RUN, "check", "--contracts", declare(tmp_path, LANDING, separator="||"))
    assert "'||' is not allowed; allowed: one character" in wrong.stderr
    idle = run(copy, RUN, "check", "--contracts", declare(tmp_path, LANDING, header=True))
    assert "header does nothing for toy; it is for csv" in idle.stderr
    other = run(copy, RUN, "check", "--contracts", declare(tmp_path, {**LANDING, "format": "csv"}, separator="|"))
    assert other.returncode == 1
    assert "separator" in other.stderr


@pytest.mark.slow
@pytest.mark.proof
def test_a_stream_envelope_is_one_file(copy: Path, tmp_path: Path) -> None:
    contracts = declare(tmp_path, STREAM)
    before = run(copy, RUN, "check", "--contracts", contracts)
    assert "'toy' is not allowed; allowed: json, debezium, dms" in before.stderr

    add(copy, "a stream envelope", "envelope.py")
    checked = run(copy, RUN, "check", "--contracts", contracts)
    assert (checked.returncode, checked.stderr) == (0, "")
    code = shipped(copy, contracts, tmp_path / "shipped")
    records = [
        json.dumps({"did": did, "at": at, "row": row})
        for did, at, row in (("insert", "001", {"id": "a", "n": 1}), ("delete", "002", {"id": "a"}), ("bury", "3", {}))
    ]
    assert answer(code, STAGE, tmp_path / "lake", *records) == [
        [["a", 1, "insert", "001"], ["a", None, "delete", "002"]],
        ["unknown_operation"],
    ]


@pytest.mark.slow
def test_a_resource_provider_is_one_file(copy: Path, tmp_path: Path) -> None:
    code = """
import json, sys; from pathlib import Path
from localaws.server import LocalAws
things = {"Thing": {"Type": "Toy::Shelf::Thing", "Properties": {"Label": "ball"}}}
with LocalAws.start(scratch=Path(sys.argv[1])) as aws:
    aws.engine.deploy("toys", json.dumps({"Resources": things, "Outputs": {"Name": {"Value": {"Ref": "Thing"}}}}))
    print(json.dumps(aws.context.client("ssm").get_parameter(Name="ball")["Parameter"]["Value"]))
"""
    (tmp_path / "scratch").mkdir()
    before = run(copy, code, tmp_path / "scratch")
    assert "the resource type Toy::Shelf::Thing has no provider in localaws" in before.stderr

    add(copy, "a resource provider", "provider.py")
    assert answer(copy, code, tmp_path / "scratch") == "on the shelf"


@pytest.mark.slow
def test_a_command_is_one_file(copy: Path) -> None:
    assert run(copy, RUN, "toy").returncode == 2

    add(copy, "a command", "command.py")
    done = run(copy, RUN, "toy", "--count", "3", "--env", "prod")
    assert (done.returncode, done.stdout) == (0, "3 toys in prod\n"), done.stderr
    assert re.search(r"\btoy +Say how many toys there are\.", run(copy, RUN, "--help").stdout)


#: Declares the small shop's orders with ``write="toy"``, and brings them up to date twice.
WRITE = """
import json, sys; from datetime import date, datetime; from pathlib import Path
from sluice.errors import TransformError
from sluice.transforms.compile import compile_project
from tests.sluice.refresh import small_shop
CONTRACTS = [contract for contract in small_shop.CONTRACTS if contract.table in ("bronze.orders", "silver.orders")]
def declared(by):
    on = ", on='order_id'" if by else ""
    text = f"from sluice.transforms import source, transform\\n@transform(write='toy', {by}"
    text += f"orders=source('bronze.orders'{on}))\\ndef orders(orders):\\n    return orders.select("
    text += "'order_id', 'customer_id', 'day', 'state', 'updated_at')\\n"
    path = Path(sys.argv[1]) / "silver" / "orders.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return compile_project(CONTRACTS, Path(sys.argv[1]))
try:
    declared("")
    refused = ""
except TransformError as error:
    refused = error.what
class Shop(small_shop.SmallShop):
    declared = staticmethod(lambda: declared("recompute_key='order_id', "))
def order(name, state):
    return {"order_id": name, "customer_id": "c", "day": date(2026, 1, 1), "state": state,
            "updated_at": datetime(2026, 1, 1)}
shop = Shop(Path(sys.argv[2]))
shop.deliver("orders", [order("a", "placed")])
first = [run.incremental for run in shop.refresh()]
shop.deliver("orders", [order("b", "paid")])
second = [run.incremental for run in shop.refresh()]
print(json.dumps([refused, first, second, [row[0] for row in shop.rows("silver.orders")]]))
"""


@pytest.mark.slow
@pytest.mark.proof
def test_a_write_mode_is_one_entry(copy: Path, tmp_path: Path) -> None:
    before = run(copy, WRITE, tmp_path / "glue_jobs", tmp_path / "none", others=(ROOT,))
    assert "write is 'toy', not one of replace, merge, replace_partitions, append, scd2" in before.stderr

    module = copy / place("a write mode")
    text = module.read_text()
    assert text.count('    "replace": WriteMode(') == 1
    module.write_text(
        text.replace(
            '    "replace": WriteMode(', '    "toy": WriteMode(recompute_key=True),\n    "replace": WriteMode('
        )
    )
    refused, first, second, rows = answer(copy, WRITE, tmp_path / "glue_jobs", tmp_path / "shop", others=(ROOT,))
    assert "write='toy' needs `recompute_key`" in refused
    assert (first, second, rows) == ([False], [True], ["a", "b"])
