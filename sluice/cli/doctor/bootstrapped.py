"""Looks whether `cdk bootstrap` was run for the account and region, by what the assembly itself says that it needs."""

from __future__ import annotations

from sluice.cli.doctor.account import Account
from sluice.cli.doctor.checks import Finding, well
from sluice.cli.doctor.needs import Needs
from sluice.cli.starting import CDK_CLI
from sluice.counted import counted


def bootstrapped(account: Account, needs: Needs, number: str, environment: str) -> Finding:
    """Look for the version, the bucket of assets and the roles; ``number`` is the account's."""
    wanted, mend = needs.bootstrap, f"`npx aws-cdk@{CDK_CLI} bootstrap -c env={environment}`"
    if not wanted.parameter:
        return well("the stacks need none")
    told = account.look("ssm", "GetParameter", Name=wanted.parameter)
    if told is None:
        where = f"{number} in {account.region}"
        return Finding("failed", f"{where} was never bootstrapped: there is no parameter {wanted.parameter}", mend)
    version = str(told["Parameter"]["Value"])
    if not version.isdigit() or int(version) < wanted.version:
        return Finding("failed", f"its version is {version}, and the stacks need {wanted.version}", mend)
    roles = [_filled(each, number, account.region).rpartition("/")[2] for each in wanted.roles]
    buckets = [_filled(each, number, account.region) for each in wanted.buckets]
    lacking = [f"the bucket {each}" for each in buckets if account.look("s3", "HeadBucket", Bucket=each) is None]
    lacking += [f"the role {each}" for each in roles if account.look("iam", "GetRole", RoleName=each) is None]
    if lacking:
        again = f"{mend}; where the stack CDKToolkit is there, delete it first: it takes no notice of what is gone."
        return Finding("failed", f"version {version}, but of what it made {', '.join(lacking)} is gone", again)
    return well(f"version {version}, {counted(len(roles), 'role')}, {counted(len(buckets), 'bucket')} of assets")


def _filled(text: str, number: str, region: str) -> str:
    """Return the text with CDK's placeholders filled, but for the partition: only a role's name is asked for."""
    return text.replace("${AWS::AccountId}", number).replace("${AWS::Region}", region)
