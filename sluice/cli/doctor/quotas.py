"""What an account may have at most, against what the stacks need."""

from __future__ import annotations

from typing import Final

from sluice.cli.doctor.account import Account
from sluice.cli.doctor.checks import CannotTell, Finding, well
from sluice.cli.doctor.needs import Needs, on_demand, shards
from sluice.cli.doctor.standing_stacks import Standing
from sluice.counted import counted

#: MiB that every account may give to a function. A new one may give no more, and no call tells its bound:
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MEMORY_OF_ALL: Final = 3008
#: Calls that Lambda keeps for functions that reserve none: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
_UNRESERVED: Final = 100
#: Codes of Service Quotas, and the quota of an account that never asked for another.
_CONCURRENCY: Final = "L-B99A9384"
#: https://docs.aws.amazon.com/general/latest/gr/s3.html
_BUCKETS: Final = ("L-DC2B2D3D", 10_000)


def memory(account: Account, needs: Needs) -> Finding:
    """Find out whether functions may be as large as declared, as far as that can be told."""
    if needs.memory <= MEMORY_OF_ALL:
        return well(f"{needs.memory:,} MB are needed, every account has {MEMORY_OF_ALL:,}")
    every = account.ask("lambda", "ListFunctions").get("Functions", [])
    largest = max((int(each.get("MemorySize", 0)) for each in every), default=0)
    if largest > MEMORY_OF_ALL:
        return well(f"{needs.memory:,} MB are needed; the account has a function of {largest:,} already")
    trial = (
        f"`aws lambda update-function-configuration --function-name sluice-doctor --memory-size {needs.memory}`: there "
        f"is no such function, so that nothing changes. An answer that names {MEMORY_OF_ALL} is the bound: set "
        f"`transform_memory_large: {MEMORY_OF_ALL}` in environments.yaml, or ask AWS's support for more."
    )
    raise CannotTell(
        f"{needs.memory:,} MB are needed. A new account has {MEMORY_OF_ALL:,} MB at most; no call of AWS tells an "
        "account's bound, and no function here is larger",
        trial,
    )


def concurrency(account: Account, needs: Needs, stood: Standing) -> Finding:
    """Compare the calls that functions may run at the same time with what the stacks would make."""
    told = account.ask("lambda", "GetAccountSettings")["AccountLimit"]
    most, free = int(told["ConcurrentExecutions"]), int(told["UnreservedConcurrentExecutions"])
    mend = (
        f"`aws service-quotas request-service-quota-increase --service-code lambda --quota-code {_CONCURRENCY} "
        "--desired-value 1000`; until then `ingest_concurrency` and `commit_concurrency` in environments.yaml can be 2."
    )
    # What its own functions reserve already is theirs to take.
    free += reserved_now(account, stood)
    if needs.reserved and free - needs.reserved < min(_UNRESERVED, most):
        said = (
            f"functions reserve {needs.reserved} of {free} calls, and {_UNRESERVED} must be left: a deployment is "
            "refused"
        )
        return Finding("failed", said, f"{mend} Or leave `reserve_commits` out there: the committer then shares.")
    if needs.concurrency > free:
        said = f"{free} calls may run at once, and event sources make up to {needs.concurrency}: deliveries would wait"
        return Finding("failed", said, mend)
    return well(f"{free:,} calls may run at once, event sources make up to {needs.concurrency:,}")


def reserved_now(account: Account, stood: Standing) -> int:
    """Return how many calls the functions that are deployed have reserved."""
    functions = [name for kind, name in sorted(stood.physical) if kind == "AWS::Lambda::Function"]
    asked = (account.look("lambda", "GetFunctionConcurrency", FunctionName=name) for name in functions)
    return sum(int(told.get("ReservedConcurrentExecutions", 0)) for told in asked if told)


def streams(account: Account, needs: Needs, stood: Standing) -> Finding:
    """Compare the shards and streams that Kinesis allows with those that would be new."""
    declared = needs.of_type("AWS::Kinesis::Stream")
    new = [each for each in declared if not stood.has(each.type, each.properties.get("Name"))]
    if not new:
        return well("no stream would be new")
    told = account.ask("kinesis", "DescribeLimits")
    scaled = [each for each in new if on_demand(each)]
    given = sum(shards(each) for each in new if not on_demand(each))
    rooms = (
        (len(scaled), int(told["OnDemandStreamCountLimit"]) - int(told["OnDemandStreamCount"]), "streams on demand"),
        (given, int(told["ShardLimit"]) - int(told["OpenShardCount"]), "shards"),
    )
    short = [
        f"{wanted} {what} would be new, and there is room for {room}" for wanted, room, what in rooms if wanted > room
    ]
    if short:
        how = "`aws service-quotas list-service-quotas --service-code kinesis` names the quota; ask for more of it."
        return Finding("failed", "; ".join(short), how)
    return well("; ".join(f"{wanted} of {room:,} {what}" for wanted, room, what in rooms if wanted))


def buckets(account: Account, needs: Needs, stood: Standing) -> Finding:
    """Compare the buckets that an account may have with those that would be new."""
    code, usual = _BUCKETS
    new = max(len(needs.of_type("AWS::S3::Bucket")) - stood.count("AWS::S3::Bucket"), 0)
    have = len(account.ask("s3", "ListBuckets").get("Buckets", []))
    told = account.look("service-quotas", "GetServiceQuota", ServiceCode="s3", QuotaCode=code)
    most = int(told["Quota"]["Value"]) if told else usual
    if have + new > most:
        ask = "aws service-quotas request-service-quota-increase --service-code s3"
        how = f"`{ask} --quota-code {code} --desired-value {most * 2}`"
        return Finding("failed", f"{counted(new, 'bucket')} would be new; {have} of {most:,} are there", how)
    return well(f"{new} new, {have} of {most:,} are there")


def stacks(needs: Needs, stood: Standing) -> Finding:
    """Look for stacks of this environment that no deployment can change."""
    stuck = [(name, status) for name, status in sorted(stood.statuses.items()) if _is_stuck(status)]
    if stuck:
        said = ", ".join(f"{name} is {status}" for name, status in stuck)
        name, status = stuck[0]
        return Finding("failed", said, _unstick(name, status, protected=name in stood.protected))
    new = [stack.name for stack in needs.stacks if stack.name not in stood.names]
    return well(f"{len(new)} new, {len(stood.names)} there")


def _is_stuck(status: str) -> bool:
    return status.endswith(("_IN_PROGRESS", "_FAILED")) or status == "ROLLBACK_COMPLETE"


def _unstick(name: str, status: str, *, protected: bool) -> str:
    if status.endswith("_IN_PROGRESS"):
        return (
            f"wait: `aws cloudformation describe-stack-events --stack-name {name} --max-items 5` shows how far it is."
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        return f"`aws cloudformation continue-update-rollback --stack-name {name}`"
    if status == "UPDATE_FAILED":
        # Its rollback was switched off: it has what it had, so that it is not to be deleted.
        return f"`aws cloudformation rollback-stack --stack-name {name}`, or deploy what mends it."
    delete = f"`aws cloudformation delete-stack --stack-name {name}`"
    if protected:
        end = "aws cloudformation update-termination-protection --no-enable-termination-protection"
        return f"`{end} --stack-name {name}`, then {delete}"
    return delete
