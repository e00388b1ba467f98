"""Takes each statement from a deployed role, and has the role's work refused for it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from botocore.exceptions import ClientError

from tests.infra.people import Deployed
from tests.infra.statements import Held, decided, held_by, hung_on, refused_without, taken_away
from tests.infra.test_policies import WITHOUT_RESOURCES
from tests.infra.uses import USES
from tests.infra.work import Denied, Watch, Work

_LOG = "Lambda writes the log, and the local Lambda asks nobody for it"
_RARE = "a run that replaces or gives up what it wrote: tests/sluice/refresh has such runs"
_MISSING = "S3 says of an object that is missing that it is forbidden to who may not list; the local S3 says 404"
_DELIVERY = "Step Functions sets up its log and its trace, and the local one has neither"
_LIMIT = "the workflow goes on in another execution after 1,500 tables: tests/end_to_end/test_many_tables.py"
_RULES = "the small project has no rule that finds anything: tests/end_to_end/test_operational_events.py"
_RETENTION = "nothing is old enough within a test: tests/end_to_end/test_retention.py"
#: Statements that no work of ``WORK`` comes to, by role and action, and why. It may only become shorter.
#: ``tests/infra/test_statements.py`` takes these away, too, and asks the policies alone.
NOT_RUN: dict[tuple[str, str], str] = {
    **{(name, f"logs:{each}"): _LOG for name in USES for each in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")},
    **{(name, "s3:ListBucket"): _MISSING for name in ("ManageTables", "RunTransform", "RunTransformLarge", "Spark")},
    ("RunTransform", "s3:DeleteObject"): _RARE,
    ("RunTransformLarge", "s3:DeleteObject"): _RARE,
    ("CommitTable", "s3:DeleteObjectVersion"): _RETENTION,
    ("CommitTable", "s3:ListBucketVersions"): _RETENTION,
    ("IngestStream", "sns:Publish"): _RULES,
    ("IngestStream", "events:PutEvents"): _RULES,
    **{("IngestStream", f"kms:{each} by sns"): _RULES for each in ("Decrypt", "GenerateDataKey")},
    ("PlanRefresh", "s3:PutObject"): "an error that is too long for an answer",
    ("PlanRefresh", "s3:AbortMultipartUpload"): "an error that is too long for an answer",
    ("Spark", "glue:GetDatabase"): "Iceberg's catalog may ask, and does not in these runs",
    ("Spark", "cloudwatch:PutMetricData"): "Glue sends the job's metrics, and the local Glue has none",
    ("Refresh", "states:StartExecution"): _LIMIT,
    ("Sweep", "states:DescribeExecution"): "a refresh that died: tests/sluice/ingestion/test_sweep.py",
    **{
        ("Refresh", f"glue:{each}"): "a run that outgrows both functions: tests/end_to_end/test_refresh.py"
        for each in ("StartJobRun", "GetJobRun", "GetJobRuns", "BatchStopJobRun")
    },
    **{(role.removesuffix("Role"), action): _DELIVERY for role, action in WITHOUT_RESOURCES if role == "RefreshRole"},
}


def role_in(deployed: Deployed, name: str) -> str:
    """Return what the role is called whose logical id begins with ``name``."""
    found = [each["RoleName"] for each in deployed.admin("iam").list_roles()["Roles"]]
    (role,) = [each for each in found if each.startswith("sluice-dev-") and each.split("-")[3][:-12] == name]
    return str(role)


def prove(deployed: Deployed, statement: Held, work: Work) -> None:
    """Fail unless ``work`` is refused without ``statement``, for what the statement is about."""
    watch = Watch.of(statement.role)
    with taken_away(deployed.admin("iam"), statement), pytest.raises((Denied, AssertionError, ClientError)) as told:
        work(deployed, watch)
    assert refused_without(statement, decided(watch.since)), f"{statement} was not missed: {told.value}"


def every_statement(deployed: Deployed, name: str, works: Sequence[Work], *, restored_once: bool = False) -> None:
    """Do each work of a role, and again without each statement that it needs: it is refused, and with it is not.

    With ``restored_once`` it is done with all statements at the end alone, as takes less.
    """
    role = role_in(deployed, name)
    statements, made = held_by(deployed.admin("iam"), role), {}
    for work in works:
        watch = Watch.of(role)
        work(deployed, watch)
        made[work] = decided(watch.since)
    for statement in statements:
        needing = [work for work, calls in made.items() if hung_on(statement, statements, calls)]
        if {(name, use) for use in statement.uses} <= NOT_RUN.keys():
            continue
        assert needing, f"no work of {name} needs {statement}"
        prove(deployed, statement, needing[0])
        if not restored_once:
            done_at_last(deployed, role, needing[0])
    assert held_by(deployed.admin("iam"), role) == statements
    for work in works:
        done_at_last(deployed, role, work)


def done_at_last(deployed: Deployed, role: str, work: Work) -> None:
    """Do ``work`` with all statements; a call that began before it was restored may still be refused."""
    try:
        work(deployed, Watch.of(role))
    except Denied:
        work(deployed, Watch.of(role))
