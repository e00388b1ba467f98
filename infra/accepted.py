"""Findings of cdk-nag that stand, each with its reason. ``tests/infra/test_nag.py`` fails for one that no longer fits.

An acknowledgement names the resolved policy text, so placeholders stand for what CDK makes of the buckets: ``{lake}``,
``{landing}``, ``{results}`` and ``{access_logs}`` for their ARNs, ``{tables}`` for the catalog's tables, ``{db}`` for
the database prefix.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from .accepted_controls import LATEST_RUNTIME_RULE, acknowledge_control
from .storage import StorageStack

#: By stack, construct and finding (or the resource that a permission with a ``*`` names): why it stands.
ACCEPTED: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "storage": {
        "ManageTablesRole": {
            "{lake}/messages/*": "CloudFormation takes 4,096 bytes; the whole of a longer reason is kept here.",
            "{lake}/{db}bronze/*/metadata/*": "A contract may add a bronze table with any deployment; only metadata.",
            "{lake}/{db}silver/*/metadata/*": "Silver tables are made here empty: their rows are not in reach.",
            "{lake}/{db}gold/*/metadata/*": "Gold tables evolve by metadata alone; the data folders are left out.",
            "{lake}/{db}quarantine/*/metadata/*": "Each landing contract brings a quarantine table under its own name.",
            "{tables}/{db}bronze/*": "Creates the catalog entry of whatever dataset a new contract declares.",
            "{tables}/{db}silver/*": "Derived names come from the contracts of this very deployment.",
            "{tables}/{db}gold/*": "A gold contract is one new file; a role per table would grow with the contracts.",
            "{tables}/{db}quarantine/*": "Evolves beside bronze, table by table, when the reasons' columns change.",
        },
    },
    "emptied": {
        "EmptyBucketsRole": {
            "{landing}/*": "An environment that keeps no data is deleted with its files, whatever their keys.",
            "{lake}/*": "Its tables' files go when its stack is deleted, and at no other time.",
            "{results}/*": "Its queries' results would stop the deletion of their bucket.",
            "{access_logs}/*": "What was written of accesses goes with the buckets that it tells of.",
        },
    },
    "ingestion": {
        "IngestFileAloneRole": {
            "{landing}/*": "The same files as the function that hands them on; which one is large, nobody can know.",
            "{lake}/staging/*": "Each attempt at a large file has names of its own, too.",
            "{lake}/records/*": "A record of a large file may be too long for a row.",
            "{lake}/messages/*": "A message is named by its content, which nobody knows beforehand.",
            "{lake}/{db}bronze/*/metadata/*": "The schema of the table that adopts the file's rows.",
            "{lake}/{db}bronze/*/data/*": "Rows of a large file are written where the table keeps its data.",
            "{tables}/{db}bronze/*": "Where that table is; the file's key names it.",
        },
        "IngestFileRole": {
            "{landing}/*": "Producers choose the keys; the first part names the dataset, unknown ones are recorded.",
            "{lake}/staging/*": "Every attempt stages under a name of its own, which no policy can know beforehand.",
            "{lake}/records/*": "Records too long for a row are kept under delivery and attempt.",
            "{lake}/messages/*": "What is too long for the ledger is kept whole, under a name made of its content.",
            "{lake}/{db}bronze/*/metadata/*": "Reads the schema of the table that a large file will be adopted by.",
            "{lake}/{db}bronze/*/data/*": "A large file's rows are written where its table keeps data: no copy.",
            "{tables}/{db}bronze/*": "Looks up the table that the delivery belongs to, whichever dataset that is.",
        },
        "CommitTableRole": {
            "{lake}/commit-marks/*": "One mark for each dataset, which names the units that are being committed.",
            "{lake}/set-aside/*": "A unit that cannot be committed is set aside under its own name.",
            "{lake}/messages/*": "Why a unit was set aside may take more room than the ledger has.",
            "{lake}/retractions/*": "Takes out the deliveries that people asked to retract, of whichever dataset.",
            "{lake}/staging/*": "Reads what any ingestor staged and removes it after the commit.",
            "{lake}/records/*": "Records too long for a row go with the rows that point to them.",
            "{landing}/*": "Versions older than their dataset's retention go; producers chose their keys.",
            "{lake}/{db}bronze/*": "One committer serves all bronze tables, one message group each.",
            "{lake}/{db}quarantine/*": "Rejected records are committed with the accepted ones of the same delivery.",
            "{tables}/{db}bronze/*": "Moves a bronze table to its next snapshot, the table that the wake-up names.",
            "{tables}/{db}quarantine/*": "Quarantine moves with bronze, so that no delivery is counted by halves.",
        },
    },
    "streams": {
        "IngestStreamRole": {
            "{lake}/staging/*": "A batch stages under a name of its own, so that no attempt meets another.",
            "{lake}/records/*": "Records too long for a row are kept under the hash of their bytes.",
            "{lake}/aws/lambda/*": "Lambda itself names what it keeps of a batch that failed to the end.",
        },
    },
    "recovery": {
        "SweepRole": {
            "{lake}/aws/lambda/*": "Hands failed batches in again, and halves them, under the names that Lambda gave.",
            "arn:{partition}:states:{region}:<AWS::AccountId>:execution:{machine}:*": (
                "Asks how the workflow's last execution ended; AWS makes their names."
            ),
        },
    },
    "serving": {
        "AnalystRole": {
            "{results}/people/<aws:userid>/*": "Athena names a query's results; they lie below the session's own id.",
        },
        "StewardRole": {
            "*": "Event sources and metrics, of the whole account, know no resources; `sluice status` asks for them.",
            "{results}/people/<aws:userid>/*": "What a steward sees of quarantine is for sessions of that name alone.",
            "{lake}/{db}quarantine/*": "Every dataset's rejected records are the steward's work, personal ones too.",
            "{tables}/{db}quarantine/*": "Which quarantine tables there are follows from the landing contracts.",
            "{tables}/{db}bronze/*": "`sluice status` lists datasets by their bronze tables; no file of them is read.",
            "{lake}/records/*": "Rejected records that are too long for a row are read where the row points to.",
            "{lake}/set-aside/*": "Units that could not be committed wait here until a steward decides.",
            "{lake}/staging/*": "A unit that was set aside is staged again, under the name that it had.",
            "{lake}/retractions/*": "A request to retract is named by its delivery, of whichever dataset.",
        },
        "OperatorRole": {
            "*": "Event sources and metrics of the whole account, since operators watch with the same command.",
            "{tables}/{db}bronze/*": "The datasets are listed by their tables' names; no file of these tables is read.",
            "{lake}/set-aside/*": "An operator tries units again that could not be committed.",
            "{lake}/staging/*": "Where such a unit goes to be committed, as the ingestor had staged it.",
            "arn:{partition}:states:{region}:<AWS::AccountId>:execution:{machine}:*": (
                "Waits for refreshes, whose executions AWS names."
            ),
            "arn:{partition}:logs:{region}:<AWS::AccountId>:log-group:/aws-glue/jobs/*": (
                "Glue writes what every job of the account says to the same two groups."
            ),
        },
    },
    "served_streams": {
        "StewardRole": {"{lake}/aws/lambda/*": "A steward tries batches of streams again that failed to the end."},
        "OperatorRole": {"{lake}/aws/lambda/*": "An operator does so as well, while the steward sleeps."},
    },
    "processing": {
        "RefreshDeadLetters": {
            "AwsSolutions-SQS3": "It is a dead-letter queue itself: of the rule that starts the workflow.",
        },
        "PlanRefreshRole": {
            "{lake}/messages/*": "A Spark run's error may be longer than the ledger takes; it is kept whole.",
            "{lake}/{db}bronze/*/metadata/*": "Compares snapshots of every input; it cannot open a data file.",
            "{lake}/{db}silver/*/metadata/*": "Silver is both input and output of a plan, by its snapshots only.",
            "{lake}/{db}gold/*/metadata/*": "Sees what each gold table was last made of, in its snapshot summary.",
            "{tables}/{db}bronze/*": "A transform may read any bronze table; the plan loads those that are declared.",
            "{tables}/{db}silver/*": "Which silver tables there are is decided by the contracts, not by the stack.",
            "{tables}/{db}gold/*": "The plan covers all derived tables; it only reads their entries.",
        },
        "RunTransformRole": {
            "{lake}/messages/*": "A failed check may name more than the ledger takes; its message is kept whole.",
            "{lake}/{db}bronze/*": "Reads the inputs that a transform declares; bronze is never written here.",
            "{lake}/{db}silver/*": "One engine rebuilds any silver table: data and metadata, after its checks.",
            "{lake}/{db}gold/*": "Files of a refused result are deleted again, also in gold.",
            "{tables}/{db}bronze/*": "Finds where an input's metadata lies.",
            "{tables}/{db}silver/*": "Publishing a silver table is one update of its catalog entry.",
            "{tables}/{db}gold/*": "Publishing a gold table asserts the snapshot that the run began with.",
            "{lake}/{db}quarantine/*": "Records that contradict each other are found here, and join the others there.",
            "{tables}/{db}quarantine/*": "The quarantine of whichever input a transform wants unique by key.",
        },
        "RunTransformLargeRole": {
            "{lake}/messages/*": "Failed checks of large tables have messages as long.",
            "{lake}/{db}bronze/*": "The same work as the smaller function's, on tables that outgrow it.",
            "{lake}/{db}silver/*": "Any silver table may be too large for the smaller function, today or tomorrow.",
            "{lake}/{db}gold/*": "Which gold tables come here is decided by the planner, from their inputs' rows.",
            "{tables}/{db}bronze/*": "Looks its inputs up where the smaller function does.",
            "{tables}/{db}silver/*": "One update of a silver table's entry publishes it, whichever function ran.",
            "{tables}/{db}gold/*": "The same for gold: the entry asserts the snapshot that the run began with.",
            "{lake}/{db}quarantine/*": "Contradictions are found in a large table as in a small one.",
            "{tables}/{db}quarantine/*": "Their table's entry, of any input declared unique.",
        },
        "SparkRole": {
            "{lake}/{db}bronze/*": "The Spark engine takes over tables that outgrow a function: same inputs.",
            "{lake}/{db}silver/*": "Large silver tables are rebuilt by Spark in place of the function.",
            "{lake}/{db}gold/*": "Large gold tables too; which ones is decided at run time, by size.",
            "{tables}/{db}bronze/*": "Spark's Iceberg catalog looks its inputs up by name.",
            "{tables}/{db}silver/*": "Spark commits a silver table through the same catalog entry.",
            "{tables}/{db}gold/*": "Spark commits a gold table; the job's argument names it.",
            "{lake}/{db}quarantine/*": "A record that contradicts another one is kept, whichever engine found it.",
            "{tables}/{db}quarantine/*": "Spark commits what it found to the quarantine of the input concerned.",
            "{logs}/aws-glue/jobs/*": "Glue names the log streams after its runs; the groups are its own.",
            "*": "cloudwatch:PutMetricData knows no resources; a condition holds it to Glue's namespace.",
        },
        "SparkJob": {
            "AwsSolutions-GL1": "The job's log holds counts and table names, no rows; CloudWatch encrypts it at rest.",
            "AwsSolutions-GL3": "The job keeps no bookmarks: which input it reads is the plan's decision, by snapshot.",
        },
        "RefreshRole": {
            "arn:{partition}:states:{region}:<AWS::AccountId>:execution:{machine}:*": (
                "An execution asks whether another one of this same workflow still lives; their names are made by AWS."
            ),
            "*": "Log delivery and X-Ray segments of a workflow know no resources; AWS documents both with '*'.",
        },
    },
}
#: Of the whole application, since it is one fact in one place.
LATEST_RUNTIME = (
    "Runtime, wheels and processor are one locked fact in infra/config.py; a newer Python is a tested change."
)


def accept_findings(stacks: Mapping[str, Stack], storage: StorageStack) -> None:
    """Acknowledge what is accepted on the constructs of ``stacks`` (by the last part of their names)."""
    acknowledge(storage.node.root, "AwsSolutions-L1", LATEST_RUNTIME)
    acknowledge_control(storage.node.root, LATEST_RUNTIME_RULE, LATEST_RUNTIME)
    for kind, stack in stacks.items():
        constructs = ACCEPTED[kind]
        words = _placeholders(stack, storage)
        for name, findings in constructs.items():
            for finding, reason in findings.items():
                plain = re.sub(r"\{(\w+)\}", lambda word: words[word[1]], finding)  # noqa: B023
                rule = plain if plain.startswith("AwsSolutions-") else f"AwsSolutions-IAM5[Resource::{plain}]"
                acknowledge(stack.node.find_child(name), rule, reason)


def acknowledge_files(
    construct: IConstruct, stack: Stack, storage: StorageStack, folders: Sequence[str], *, landing: bool = False
) -> None:
    """Accept that a role reads all files in ``folders`` of the lake, one for each table, or writes those of landing."""
    bucket = _arn_text(stack, storage, storage.landing if landing else storage.lake)
    for folder in folders:
        reason = (
            f"Producers choose the names of the files that they deliver to {folder}."
            if landing
            else f"Each commit makes files of new names in {folder}, which is one table that has no private column."
        )
        acknowledge(construct, f"AwsSolutions-IAM5[Resource::{bucket}/{folder}]", reason)


def acknowledge_stacks(construct: IConstruct, storage: StorageStack, names: Sequence[str]) -> None:
    """Accept that a role asks about the stacks called ``names``; the id behind a name is CloudFormation's."""
    stacks = _placeholders(storage, storage)["stacks"]
    for name in names:
        reason = f"Outputs of {name} say where everything is; CloudFormation gives the stack an id of its own."
        acknowledge(construct, f"AwsSolutions-IAM5[Resource::{stacks}/{name}/*]", reason)


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept a finding of ``rule`` on ``construct``."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions::{rule}", reason=reason))


def _placeholders(stack: Stack, storage: StorageStack) -> dict[str, str]:
    environment = storage.environment_
    where = f"{environment.region}:<AWS::AccountId>"
    return {
        "lake": _arn_text(stack, storage, storage.lake),
        "landing": _arn_text(stack, storage, storage.landing),
        "results": _arn_text(stack, storage, storage.results),
        "access_logs": _arn_text(stack, storage, storage.logs),
        "tables": f"arn:{storage.partition}:glue:{where}:table",
        "logs": f"arn:{storage.partition}:logs:{where}:log-group:",
        "partition": storage.partition,
        "region": environment.region,
        "machine": f"{environment.title}-refresh",
        "stacks": f"arn:{storage.partition}:cloudformation:{where}:stack",
        "db": environment.database_prefix,
    }


def _arn_text(stack: Stack, storage: StorageStack, bucket: s3.Bucket) -> str:
    """Return how cdk-nag spells the bucket's ARN in a policy of ``stack``."""
    reference = storage.resolve(bucket.bucket_arn)
    if stack is storage:
        return f"<{'.'.join(reference['Fn::GetAtt'])}>"
    # CDK publishes a weak reference as the output Publish/Output<reference>; the name is its path and a hash of it.
    path = ("Publish", "Output" + json.dumps(reference, separators=(",", ":")))
    digest = hashlib.md5("/".join(path).encode(), usedforsecurity=False).hexdigest()[:8].upper()
    output = re.sub("[^A-Za-z0-9]", "", "".join(path)) + digest
    names = {"StackName": storage.stack_name, "Region": storage.region, "OutputName": output}
    return json.dumps({"Fn::GetStackOutput": names}, separators=(",", ":"))
