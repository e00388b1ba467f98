"""Whatever is thrown at it: each case gets an error that names what an engineer needs, and the rest goes on."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import time
import urllib.error
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.cli import local
from sluice.ingestion.landing import Notice
from sluice.ledger import UNKNOWN, Delivery, Ledger
from tests.end_to_end.running import CONTRACTS, Deployment, as_csv, sluice
from tests.waiting import until

pytestmark = pytest.mark.slow

GOOD = as_csv([("G1", 10, "sound"), ("G2", 20, "")])
LONG_LINE = 20 << 20


def _parquet() -> bytes:
    body = io.BytesIO()
    pq.write_table(pa.table({"parcel_id": [f"Q{n}" for n in range(500)], "grams": list(range(1, 501))}), body)
    return body.getvalue()


@dataclass(frozen=True)
class Refused:
    """A file that is quarantined whole: the reason's code, and what its sentence says."""

    body: bytes
    code: str
    says: tuple[str, ...]
    dataset: str = "odd_parcels"


WHOLE = {
    "empty.csv": Refused(b"", "empty_file", ("is empty", "not even a header")),
    "no-header.csv": Refused(
        b"P1,10,x\nP2,11,y\n", "header_mismatch", ("lacks parcel_id, grams", "looks like a record")
    ),
    "semicolons.csv": Refused(
        GOOD.replace(b",", b";"), "header_mismatch", ("delimiter looks like ';'", "the contract says ','")
    ),
    "twice.csv": Refused(
        b"parcel_id,grams,grams\nP1,1,2\n", "header_mismatch", ("names a column twice", "grams,grams")
    ),
    "utf-16.csv": Refused(GOOD.decode().encode("utf-16"), "wrong_encoding", ("utf-16", "the contract says utf-8")),
    "cut.csv.gz": Refused(gzip.compress(GOOD * 50)[:-9], "truncated", ("truncated", "gzip")),
    "broken.csv.gz": Refused(b"\x1f\x8b\x08\x00" + b"\xff" * 60, "corrupt", ("broken gzip",)),
    "is-parquet.csv": Refused(_parquet(), "wrong_kind", ("is a Parquet file",)),
    "cut.parquet": Refused(_parquet()[:-40], "corrupt", ("no whole Parquet file",), "packed_parcels"),
    "is-csv.parquet": Refused(GOOD, "wrong_kind", ("is a file of text, as CSV and JSON are",), "packed_parcels"),
    "other-columns.parquet": Refused(
        _parquet().replace(b"grams", b"ounce"), "header_mismatch", ("lacks the columns grams",), "packed_parcels"
    ),
}


@dataclass(frozen=True)
class Partly:
    """A file of which ``accepted`` parcels arrive; for each other record the code and a word of its reason."""

    body: bytes
    accepted: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...] = ()


PARTLY = {
    "reordered.csv": Partly(b"note,grams,parcel_id\nhere,5,R1\n,6,R2\n", ("R1", "R2")),
    "only-a-header.csv": Partly(b"parcel_id,grams,note\n", ()),
    "crlf-and-bom.csv": Partly(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n"), ("G1", "G2")),
    "nul.csv": Partly(GOOD + b"N1,\x005,\nN2,6,fine\n", ("G1", "G2", "N2"), (("nul_byte", "NUL byte"),)),
    "latin-1.csv": Partly(
        GOOD + "L1,7,Grüße\n".encode("latin-1") + b"L2,8,\n", ("G1", "G2", "L2"), (("wrong_encoding", "0xfc"),)
    ),
    "fields.csv": Partly(
        GOOD + b"F1,7\nF2,8,a,b\n", ("G1", "G2"), (("wrong_field_count", "2 fields"), ("wrong_field_count", "4 fields"))
    ),
    "stray-quote.csv": Partly(
        GOOD + b'S1,7,"open\nS2,8,\n', ("G1", "G2", "S2"), (("malformed_record", "quoted field"),)
    ),
    "long-line.csv": Partly(
        GOOD + b"X1,9," + b"x" * LONG_LINE + b"\nX2,9,after\n", ("G1", "G2", "X2"), (("record_too_long", "bytes"),)
    ),
    "a+b %20&c=d.csv": Partly(GOOD, ("G1", "G2")),
    "Grüße/包裹 é.csv": Partly(GOOD, ("G1", "G2")),
}
#: Keys whose first part is not the name of a dataset.
STRAY = {
    "no_such_dataset/file.csv": "add contracts/no_such_dataset.yaml",
    "loose.csv": "/loose.csv.",
    "Odd_Parcels/case.csv": "did you mean 'odd_parcels'?",
}


@dataclass(frozen=True)
class Thrown:
    """All hostile files after their end: what was uploaded and what the ledger says of it."""

    notices: dict[str, Notice]
    ended: dict[str, Delivery]

    def of(self, key: str) -> Delivery:
        return self.ended[self.notices[key].delivery_id]


@pytest.fixture(scope="module")
def thrown(deployed: Deployment) -> Thrown:
    files = {f"{case.dataset}/{name}": case.body for name, case in WHOLE.items()}
    files |= {f"odd_parcels/{name}": part.body for name, part in PARTLY.items()}
    notices = dict(zip([*files], deployed.put_all(files), strict=True))
    stray = dict(zip(STRAY, deployed.put_all(dict.fromkeys(STRAY, GOOD)), strict=True))
    ended = deployed.ended(notices.values())

    def unknown() -> dict[str, Delivery]:
        found = {entry.delivery_id: entry for entry in deployed.ledger_entries(UNKNOWN)}
        return found if len(found) == len(STRAY) else {}

    return Thrown(notices | stray, ended | until(unknown, "the stray files are in the ledger"))


@pytest.mark.parametrize("name", WHOLE)
def test_an_unreadable_file_is_quarantined_whole_and_says_why(deployed: Deployment, thrown: Thrown, name: str) -> None:
    case = WHOLE[name]
    key = f"{case.dataset}/{name}"
    entry = thrown.of(key)

    assert entry.status == "rejected"
    assert entry.quarantined is None, "how many records it held is unknown"
    for text in (f"s3://{deployed.landing}/{key}", *case.says):
        assert text in entry.error
    assert deployed.rows(f"bronze.{case.dataset}", key) == []
    (row,) = deployed.rows(f"quarantine.{case.dataset}", f"{key}?")
    assert row["reason"] == case.code
    assert row["reasons"][0]["message"] == entry.error
    assert row["record_pointer"] == f"s3://{deployed.landing}/{key}?versionId={thrown.notices[key].version_id}"


@pytest.mark.parametrize("name", PARTLY)
def test_a_broken_record_costs_itself_and_no_other(deployed: Deployment, thrown: Thrown, name: str) -> None:
    case, key = PARTLY[name], f"odd_parcels/{name}"
    entry = thrown.of(key)

    assert (entry.status, entry.accepted, entry.quarantined) == ("committed", len(case.accepted), len(case.reasons))
    assert [row["parcel_id"] for row in deployed.rows("bronze.odd_parcels", f"{key}?")] == list(case.accepted)
    refused = deployed.rows("quarantine.odd_parcels", f"{key}?")
    assert [row["reason"] for row in refused] == [code for code, _ in case.reasons]
    for row, (_, word) in zip(refused, case.reasons, strict=True):
        assert word in row["reasons"][0]["message"]
        assert row["record"] or row["record_pointer"]


def test_a_line_of_many_megabytes_is_kept_whole_beside_the_table(deployed: Deployment, thrown: Thrown) -> None:
    (row,) = deployed.rows("quarantine.odd_parcels", "odd_parcels/long-line.csv?")

    assert _kept(deployed, row) == b"X1,9," + b"x" * LONG_LINE


@pytest.mark.proof
def test_a_line_of_200_megabytes_is_kept_whole_beside_the_table(deployed: Deployment) -> None:
    line = b"H1,9," + b"x" * (200 << 20)

    notice = deployed.put("odd_parcels/huge-line.csv", GOOD + line + b"\nH2,9,after\n")
    entry = deployed.ended([notice])[notice.delivery_id]

    assert (entry.status, entry.accepted, entry.quarantined) == ("committed", 3, 1)
    (row,) = deployed.rows("quarantine.odd_parcels", "odd_parcels/huge-line.csv?")
    assert row["reason"] == "record_too_long"
    assert _kept(deployed, row) == line


def _kept(deployed: Deployment, row: dict[str, Any]) -> bytes:
    bucket, _, key = row["record_pointer"].removeprefix("s3://").partition("/")
    return bytes(deployed.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


@pytest.mark.parametrize("key", STRAY)
def test_a_file_of_no_dataset_is_rejected_and_lists_the_datasets(
    deployed: Deployment, thrown: Thrown, key: str
) -> None:
    entry = thrown.of(key)

    assert (entry.status, entry.quarantined, entry.reasons) == ("rejected", None, {"unknown_dataset": 1})
    for text in (
        f"s3://{deployed.landing}/{key}",
        "is not the name of a dataset",
        "online_retail",
        "stays in the landing bucket",
        STRAY[key],
    ):
        assert text in entry.error
    assert "contracts/loose.csv.yaml" not in entry.error  # no file can be that dataset's


def test_everything_thrown_is_accounted_for(deployed: Deployment, thrown: Thrown) -> None:
    state = deployed.settle()

    assert state.accounted
    assert not any(state.dead_letters.values())
    shown = sluice("status", COLUMNS="200")
    assert shown.returncode == 0
    assert f"= {state.delivered:,} delivered" in shown.stdout


def test_a_contract_with_an_unknown_type_is_refused_by_file_line_and_field(tmp_path: Path) -> None:
    text = (CONTRACTS[1] / "odd_parcels.yaml").read_text().replace("physicalType: int", "physicalType: money")
    (tmp_path / "odd.yaml").write_text(text)

    done = sluice("check", "--contracts", CONTRACTS[0], "--contracts", tmp_path)

    line = 1 + text.splitlines().index("        physicalType: money")
    assert done.returncode == 1
    assert f"odd.yaml:{line}: schema.0.properties.1.physicalType: 'money' is not a column type" in done.stderr
    assert "decimal(precision,scale)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    """A copy of the assembly that runs, to be broken."""
    return shutil.copytree(local.synthesize(list(CONTRACTS), "dev"), tmp_path / "assembly")


def _refused(deployed: Deployment, assembly: Path, change: dict[str, Any]) -> dict[str, str]:
    """Return what the local AWS says when the ingestion template's resources are changed so."""
    template = assembly / "sluice-dev-ingestion.template.json"
    content = json.loads(template.read_text())
    for name, resource in change.items():
        content["Resources"].setdefault(name, {"Properties": {}}).setdefault("Properties", {}).update(
            resource.get("Properties", {})
        )
        content["Resources"][name].setdefault("Type", resource["Type"])
    template.write_text(json.dumps(content))
    with pytest.raises(urllib.error.HTTPError) as caught:
        deployed.localaws("POST", "deploy", {"assembly": str(assembly)})
    assert caught.value.code == 400
    answer: dict[str, str] = json.loads(caught.value.read())
    return answer


def test_an_unknown_resource_type_is_refused_by_name(deployed: Deployment, assembly: Path) -> None:
    answer = _refused(deployed, assembly, {"Teapot": {"Type": "AWS::Kitchen::Teapot"}})

    assert answer["error"] == "UnknownResourceType"
    for text in ("AWS::Kitchen::Teapot", "Teapot", "sluice-dev-ingestion"):
        assert text in answer["message"]


def test_an_unknown_property_is_refused_by_name(deployed: Deployment, assembly: Path) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"Temperature": 90}}
    answer = _refused(deployed, assembly, {"Kettle": queue})

    assert answer["error"] == "UnknownProperty"
    for text in ("Temperature", "AWS::SQS::Queue", "Kettle"):
        assert text in answer["message"]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT nothing FROM bronze.odd_parcels", "nothing"),
        ("SELECT * FROM bronze.never_made", "never_made"),
        ("SELEKT 1", "SELEKT"),
        ("SELECT 1 / 0", "zero"),
    ],
)
def test_bad_sql_is_said_and_fails(deployed: Deployment, sql: str, says: str) -> None:
    done = sluice("query", sql)

    assert done.returncode == 1
    assert says.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


#: Objects that are no data: folders' marks, and what Spark, Hive and a Mac leave beside it.
MARKS = {
    "": b"",
    "folder/": b"",
    "_SUCCESS": b"",
    "year=2026/_committed_1": b"{}",
    ".part-0.crc": b"crc",
    ".DS_Store": b"x",
}


@dataclass(frozen=True)
class Denied:
    """A function without one of its permissions, and how to give it back."""

    function: str
    restore: Callable[[], None]


@pytest.fixture
def denied(deployed: Deployment) -> Iterator[Denied]:
    """The ingestor without its permission to read landing, messages that die at their first failure, and no sweep."""
    function = deployed.outputs["IngestFileFunctionName"]
    events = deployed.client("events")
    (sweep,) = [rule["Name"] for rule in events.list_rules()["Rules"] if "EachMinute" in rule["Name"]]
    events.disable_rule(Name=sweep)
    role = deployed.client("lambda").get_function_configuration(FunctionName=function)["Role"].rsplit("/", 1)[-1]
    iam, sqs, queue = deployed.client("iam"), deployed.client("sqs"), deployed.outputs["LandingQueueUrl"]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    kept = [statement for statement in document["Statement"] if "s3:GetObjectVersion" not in statement["Action"]]
    assert len(kept) == len(document["Statement"]) - 1
    redrive = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    once = json.dumps({**json.loads(redrive), "maxReceiveCount": 1})
    changed = json.dumps({**document, "Statement": kept})
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=changed)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": once})

    def restore() -> None:
        events.enable_rule(Name=sweep)
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": redrive})

    yield Denied(function, restore)
    restore()


def test_a_denied_permission_is_named_dead_lettered_and_recovered(deployed: Deployment, denied: Denied) -> None:
    began = time.time()
    notice = deployed.put("odd_parcels/denied.csv", GOOD)

    until(lambda: deployed.depth("LandingDeadLetter"), "the message is dead-lettered")
    log = deployed.log_of(denied.function, began)
    assert "AccessDenied" in log, log
    assert "s3:GetObjectVersion" in log
    assert f"arn:aws:s3:::{deployed.landing}/odd_parcels/denied.csv" in log
    shown = sluice("status", COLUMNS="200")
    assert shown.returncode == 1
    assert "odd_parcels/denied.csv is a dead letter: " in shown.stdout
    assert "AccessDenied" in shown.stdout
    told = json.loads(sluice("status", "--json").stdout)
    assert [letter["file"] for letter in told["dead_letters"]] == [notice.uri]
    waited = sluice("status", "--wait", "--timeout", "5", COLUMNS="200")
    assert waited.returncode == 1
    assert f"not done after 5 s: {notice.uri}" in waited.stderr

    denied.restore()
    redriven = sluice("redrive")

    assert redriven.returncode == 0
    assert "landing: 1 messages put back" in redriven.stdout
    assert deployed.ended([notice])[notice.delivery_id].status == "committed"
    assert sluice("status", "--wait", "--timeout", "120").returncode == 0


def test_a_dead_letter_can_be_given_up_and_is_then_accounted_for(deployed: Deployment, denied: Denied) -> None:
    notice = deployed.put("odd_parcels/given-up.csv", GOOD)
    until(lambda: deployed.depth("LandingDeadLetter"), "the message is dead-lettered")

    given_up = sluice("discard", notice.uri, COLUMNS="200")

    assert given_up.returncode == 0, given_up.stderr
    assert "AccessDenied" in given_up.stdout
    entry = deployed.ended([notice])[notice.delivery_id]
    assert (entry.status, entry.quarantined) == ("discarded", None)
    denied.restore()
    assert sluice("status", "--wait", "--timeout", "120").returncode == 0
    again = sluice("discard", notice.uri)
    assert again.returncode == 2
    assert "sluice status" in again.stderr


def test_marks_that_are_no_data_are_counted_and_no_errors(deployed: Deployment) -> None:
    notices = [deployed.put(f"odd_parcels/{name}", body) for name, body in MARKS.items()]
    assert {entry.status for entry in deployed.ended(notices).values()} == {"ignored"}
    assert sluice("status").returncode == 0


def test_the_same_bytes_again_after_a_contract_came_are_no_duplicate(deployed: Deployment) -> None:
    """What was rejected, quarantined to the last record or never read was not ingested: it has no duplicate."""
    broken = as_csv([("", 1, "")])
    for _ in range(2):
        notice = deployed.put("odd_parcels/again.csv", broken)
        assert deployed.ended([notice])[notice.delivery_id].status == "committed"
    unread = [deployed.put("odd_parcels/unread.csv", b"no header of ours\n1\n") for _ in range(2)]
    assert {entry.status for entry in deployed.ended(unread).values()} == {"rejected"}
    unknown = [deployed.put("no_such_dataset/a.csv", GOOD) for _ in range(2)]
    ledger = Ledger(deployed.outputs["LedgerTableName"])
    keys = [(UNKNOWN, notice.delivery_id) for notice in unknown]
    until(lambda: [d.status for d in ledger.known(keys).values()] == ["rejected"] * 2, "both are rejected")


def test_after_all_of_them_a_good_file_arrives(deployed: Deployment, thrown: Thrown) -> None:
    notice = deployed.put("odd_parcels/at-last.csv", GOOD)

    entry = deployed.ended([notice])[notice.delivery_id]

    assert (entry.status, entry.accepted) == ("committed", 2)
    assert deployed.settle().accounted
