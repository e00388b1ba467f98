"""A deployment in which people work: each takes a role, and calls AWS and `sluice` with its credentials."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import ClientError

from localaws.iam import enforcement
from localaws.server import LocalAws
from sluice.project import Project
from tests.folders import ROOT
from tests.waiting import until

#: Of each row that analysts may not see; nothing that they are told contains it.
SECRET = "ana@private.example"
SLUICE = Path(sys.executable).with_name("sluice")
AT = "2026-01-01T10:00:00Z"


def orders(*numbers: int, bad: int = 0) -> bytes:
    """A file of orders, of which the last ``bad`` have a number that is none."""
    rows = [
        {"order_id": f"O{n:09d}", "customer_id": f"C{n % 3}", "ordered_at": AT, "state": "paid", "updated_at": AT}
        for n in numbers
    ]
    rows += [{**rows[0], "order_id": f"{SECRET} {n}"} for n in range(bad)]
    return gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode())


def click(number: int) -> bytes:
    return json.dumps(
        {"event_id": f"{number:032x}", "session_id": f"{SECRET} {number}", "event_type": "page_view", "event_time": AT}
    ).encode()


def hidden(project: Project, column: str) -> Project:
    """Return the project with a private column in silver.clicks."""
    clicks = project.contract("silver.clicks")
    columns = tuple(
        msgspec.structs.replace(each, classification="personal") if each.name == column else each
        for each in clicks.columns
    )
    closed = msgspec.structs.replace(clicks, columns=columns)
    contracts = tuple(closed if each is clicks else each for each in project.contracts)
    return msgspec.structs.replace(project, contracts=contracts)


def deliver(deployed: Deployed) -> None:
    """Deliver a file and records as their producers do, and wait until tables are made of them."""
    producer = deployed.role("ProducerRoleArnOrders")
    producer("s3").put_object(Bucket=deployed.landing, Key="orders/first.ndjson.gz", Body=orders(1, 2, 3, bad=1))
    kinesis = deployed.role("ProducerRoleArnClicks")("kinesis")
    kinesis.put_record(StreamName="clicks", Data=click(1), PartitionKey="1")
    records = [{"Data": click(number), "PartitionKey": str(number)} for number in range(2, 6)]
    assert kinesis.put_records(StreamName="clicks", Records=records)["FailedRecordCount"] == 0
    waited = subprocess.run(
        [SLUICE, "status", "--wait", "--timeout", "150"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert waited.returncode == 0, waited.stdout + waited.stderr


@dataclass(frozen=True)
class Deployed:
    """The stacks on a local AWS of this process, with the outputs of all."""

    aws: LocalAws
    outputs: dict[str, str]
    people: dict[tuple[str, str], Person] = field(default_factory=dict)

    def admin(self, service: str) -> Any:
        return self.aws.context.client(service)

    @property
    def landing(self) -> str:
        return self.outputs["LandingBucketName"]

    @property
    def lake(self) -> str:
        return self.outputs["LakeBucketName"]

    @property
    def results(self) -> str:
        return self.outputs["ResultsBucketName"]

    def role(self, output: str, session: str = "ana") -> Person:
        """Return the person in a role, under the session's name."""
        known = (output, session)
        if known not in self.people:
            self.people[known] = Person.take(self, self.outputs[output], session)
        return self.people[known]

    def objects(self) -> dict[str, str]:
        """Return every object version in the buckets, each with its hash: what an attack would change."""
        found: dict[str, str] = {}
        for bucket in (self.landing, self.lake):
            pages = self.admin("s3").get_paginator("list_object_versions").paginate(Bucket=bucket)
            listed = [each for page in pages for kind in ("Versions", "DeleteMarkers") for each in page.get(kind, [])]
            found |= {f"{bucket}/{each['Key']}?{each['VersionId']}": each.get("ETag", "deleted") for each in listed}
        return found

    def tables(self) -> dict[str, str]:
        """Return where each table of the catalog is: the other thing that an attack would change."""
        found = {}
        for database in self.admin("glue").get_databases()["DatabaseList"]:
            for table in self.admin("glue").get_tables(DatabaseName=database["Name"])["TableList"]:
                found[f"{database['Name']}.{table['Name']}"] = json.dumps(table.get("Parameters", {}), sort_keys=True)
        return found


@dataclass(frozen=True)
class Person:
    """A session of a role: its clients, and `sluice` with its credentials."""

    deployed: Deployed
    keys: dict[str, str]
    user_id: str
    role: str

    @classmethod
    def take(cls, deployed: Deployed, arn: str, session: str) -> Person:
        given = boto3.client("sts").assume_role(RoleArn=arn, RoleSessionName=session)
        found = given["Credentials"]
        keys = {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }
        return cls(deployed, keys, given["AssumedRoleUser"]["AssumedRoleId"], arn.rpartition("/")[2])

    def __call__(self, service: str, **headers: str) -> Any:
        """Return a client; ``headers`` are added to each of its requests."""
        client = boto3.client(
            service,
            aws_access_key_id=self.keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.keys["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=self.keys["AWS_SESSION_TOKEN"],
            config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )
        for name, value in headers.items():
            client.meta.events.register(
                "before-sign", lambda request, name=name, value=value, **_: request.headers.add_header(name, value)
            )
        return client

    def sluice(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the product's command, in the folder of the project that is deployed, with this session's keys alone."""
        return subprocess.run(
            [SLUICE, *arguments], cwd=ROOT, env={**os.environ, **self.keys, "COLUMNS": "200"},
            capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip

    def did(self, *arguments: str) -> str:
        """Return what a command of `sluice` said, which must succeed."""
        done = self.sluice(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def own_results(self) -> str:
        return f"people/{self.user_id}/"

    def query(self, sql: str, *, out: str = "", group: str = "", **given: Any) -> str:
        """Return the rows of a query as one text, or why it failed; with the query's id before it."""
        athena = self("athena")
        place = out or f"s3://{self.deployed.results}/{self.own_results}"
        asked = {"QueryString": sql, "ResultConfiguration": {"OutputLocation": place}, **given}
        try:
            name = athena.start_query_execution(
                **asked, WorkGroup=group or self.deployed.outputs["PeopleWorkGroupName"]
            )
            found: str = ended(athena, name["QueryExecutionId"])
        except ClientError as error:
            return f"AccessDenied: {error}" if "not authorized" in str(error) else f"Refused: {error}"
        return found

    def told(self, call: str, **given: Any) -> str:
        """Return the code of the error with which AWS answers a call, as ``s3.get_object``; empty if with none."""
        service, _, operation = call.partition(".")
        try:
            getattr(self(service), operation)(**given)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    def unused(self) -> list[tuple[str, str]]:
        """Return the grants of this role that nothing has used since the local AWS began."""
        policies = boto3.client("iam")
        names = policies.list_role_policies(RoleName=self.role)["PolicyNames"]
        documents = [policies.get_role_policy(RoleName=self.role, PolicyName=name)["PolicyDocument"] for name in names]
        for each in policies.list_attached_role_policies(RoleName=self.role)["AttachedPolicies"]:
            version = policies.get_policy(PolicyArn=each["PolicyArn"])["Policy"]["DefaultVersionId"]
            found = policies.get_policy_version(PolicyArn=each["PolicyArn"], VersionId=version)
            documents.append(found["PolicyVersion"]["Document"])
        grants = [
            (action, resource.replace("${aws:userid}", self.user_id))
            for document in documents
            for statement in document["Statement"]
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        ]
        used = {
            (each.action, each.resource) for each in enforcement.decisions() if each.role == self.role and each.allowed
        }
        return [
            (action, pattern)
            for action, pattern in grants
            if not any(does == action and _matches(pattern, resource) for does, resource in used)
        ]


def ended(athena: Any, name: str) -> str:
    def status() -> Any:
        found = athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]["Status"]
        return found if found["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    found = until(status, f"query {name} ends")
    if found["State"] != "SUCCEEDED":
        return f"{found['State']}: {found.get('StateChangeReason')}"
    return json.dumps(athena.get_query_results(QueryExecutionId=name)["ResultSet"]["Rows"])


def _matches(pattern: str, resource: str) -> bool:
    from localaws import wildcards

    return pattern == "*" or wildcards.matches(pattern, resource)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
