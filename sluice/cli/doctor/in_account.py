"""What is looked at in an account: first who asks, then what the stacks need, then all else at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sluice.cli.doctor import quotas
from sluice.cli.doctor.access import Caller, account_of, caller, clock, region
from sluice.cli.doctor.account import Account
from sluice.cli.doctor.bootstrapped import bootstrapped
from sluice.cli.doctor.checks import CannotTell, Check, Finding, Question, make, well
from sluice.cli.doctor.lake_formation import lake_formation
from sluice.cli.doctor.laptop import path_node
from sluice.cli.doctor.leftovers import leftovers
from sluice.cli.doctor.needs import Needs, read_needs
from sluice.cli.doctor.standing_stacks import Standing, read_standing
from sluice.counted import counted
from sluice.environments import Environment
from sluice.errors import SluiceError
from sluice.folders import ProjectFolder


@dataclass
class Examination:
    """One look at an account; ``note`` gets progress. What a stage finds is there for the next."""

    project: ProjectFolder
    contracts: list[Path]
    environment: Environment
    note: Callable[[str], None]
    account: Account = field(init=False)
    asked: Caller = field(init=False)
    _needs: Needs | None = None
    _standing: Standing | None = None

    def __post_init__(self) -> None:
        self.account = Account(self.environment.region)

    def checks(self) -> list[Check]:
        """Make all checks of the account."""
        self.note("asking AWS whose credentials these are")
        self.asked = caller(self.account)
        first = [
            Question("credentials", "whose credentials this shell has", lambda: self.asked.finding),
            Question(
                "account", "the account, against environments.yaml", lambda: account_of(self.asked, self.environment)
            ),
            Question("region", "the region, against environments.yaml", lambda: region(self.environment)),
            Question("clock", "the clock, against the date of AWS's answer", lambda: clock(self.asked)),
            Question("cdk-cli", "the CDK CLI that `sluice deploy --account` calls", self._cdk_cli),
            Question("synthesis", "whether the stacks can be made from what is declared", self._synthesis),
            Question("stacks", "stacks of this environment that are there", self._stacks),
        ]
        made = [each for question in first for each in make([question], self.note)]
        return [*made, *make(list(self._rest()), self.note)]

    def _rest(self) -> Iterator[Question]:
        yield Question(
            "bootstrap",
            "what `cdk bootstrap` makes, against what the stacks need",
            lambda: bootstrapped(self.open, self.needs, self.asked.account, self.environment.name),
        )
        yield Question(
            "lambda-memory",
            "the largest function, against what the account allows",
            lambda: quotas.memory(self.open, self.needs),
        )
        yield Question(
            "lambda-concurrency",
            "calls of functions at the same time",
            lambda: quotas.concurrency(self.open, self.needs, self.standing),
        )
        yield Question("kinesis", "streams and shards", lambda: quotas.streams(self.open, self.needs, self.standing))
        yield Question("buckets", "buckets of S3", lambda: quotas.buckets(self.open, self.needs, self.standing))
        yield Question("lake-formation", "who decides on databases and tables", lambda: lake_formation(self.open))
        yield Question(
            "leftovers",
            "names that the stacks give, and that something else has",
            lambda: leftovers(self.open, self.needs, self.standing, self.environment.name),
        )

    @property
    def open(self) -> Account:
        """Return the account that can be asked; ``CannotTell`` where the credentials are refused."""
        if not self.asked.account:
            raise CannotTell("it was not asked for, since the credentials are refused", "mend what `credentials` says.")
        return self.account

    @property
    def needs(self) -> Needs:
        """Return what the stacks need."""
        if self._needs is None:
            raise CannotTell("the stacks cannot be synthesized", "mend what `synthesis` says.")
        return self._needs

    @property
    def standing(self) -> Standing:
        """Return what of the stacks is there."""
        if self._standing is None:
            raise CannotTell("what is deployed cannot be read", "mend what `stacks` says.")
        return self._standing

    def _cdk_cli(self) -> Finding:
        from sluice.cli.account_deploying import cdk_command

        command = cdk_command(self.project)
        if len(command) > 1 and command[1].endswith("/cdk"):
            return well(f"{command[1]}, which the project locks")
        of_path = path_node()
        return well(" ".join(command)) if of_path.status == "ok" else of_path

    def _synthesis(self) -> Finding:
        from sluice.cli.assembly import synthesize

        self.note("synthesizing")
        self._needs = read_needs(synthesize(self.contracts, self.environment.name))
        return well(counted(len(self._needs.stacks), "stack"))

    def _stacks(self) -> Finding:
        self._standing = read_standing(self.open, self.needs)
        return quotas.stacks(self.needs, self.standing)


def no_environment(error: SluiceError) -> Check:
    """Return the check of an account that nothing can be asked, since the environment cannot be read."""
    finding = Finding("unknown", "the environment cannot be read, so nothing was asked", error.next_step)
    return Check("account", "the account, against environments.yaml", finding)
