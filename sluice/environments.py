"""Reads ``environments.yaml``: what differs between a project's deployments, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from sluice.contracts.strict_yaml import line_and_problem, load_yaml
from sluice.contracts.yaml_lines import line_of
from sluice.errors import EnvironmentRefused, WrongArgument
from sluice.gathered import Concerned, Gathered
from sluice.nearest import nearest
from sluice.partitions import foreign_to
from sluice.redelivery import STREAM_HOURS
from sluice.vpc import NoVpc, Vpc, read_vpc

#: Stacks that can hold streams.
MOST_STREAM_STACKS: Final = 20
#: Days for which logs can be kept.
LOG_DAYS: Final = (1, 3, 5, 7, 14, 30, 60, 90, 180, 365)


@dataclass(frozen=True)
class Environment:
    """One deployment of a project. Memory in MiB; a new account may have no function above 3008."""

    name: str
    #: AWS region, also of the local AWS.
    region: str
    #: Whether what holds data stays when its stack is deleted.
    keep_data: bool
    #: What the name of each stack begins with.
    name_prefix: str = "sluice"
    #: The only account that it is deployed to, twelve digits between quotes; compared before a deployment.
    account: str = ""
    #: Tags of every stack and its resources.
    tags: Mapping[str, str] | None = None
    #: ARN of the managed policy that bounds every role; on the local AWS that of another account limits nothing.
    permissions_boundary: str = ""
    #: What stands before the names of databases and streams.
    database_prefix: str = ""
    #: MiB of functions that read files.
    ingest_memory: int = 512
    #: MiB of the function that commits to tables.
    commit_memory: int = 1769
    #: MiB of the function that runs transforms.
    transform_memory: int = 1769
    #: MiB of the one for large runs; a new account may have none above 3008.
    transform_memory_large: int = 3008
    #: MiB of functions that read streams.
    stream_memory: int = 512
    #: Shards of each stream; 0 lets Kinesis scale them (on demand).
    stream_shards: int = 1
    #: Stacks that hold the streams, 240 each; chosen before the first deployment, since another number moves streams.
    stream_stacks: int = 1
    #: Records of one call at most.
    stream_batch: int = 5000
    #: Seconds for which a batch is gathered.
    stream_window_seconds: int = 1
    #: Batches of a shard at once.
    stream_parallelization: int = 1
    #: Hours for which streams keep records.
    stream_retention_hours: int = 24
    #: Files that are read at once.
    ingest_concurrency: int = 4
    #: Tables that are committed to at once.
    commit_concurrency: int = 3
    #: Whether as many calls as `commit_concurrency` are kept free for the committer; a new account has none to keep.
    reserve_commits: bool = False
    #: Whether logs, queues, topics, streams and the ledger are encrypted with the deployment's own key, as its buckets.
    customer_key: bool = False
    #: Whether X-Ray traces calls of functions, as it does the refresh workflow; up to some 13 USD a month.
    tracing: bool = False
    #: Bytes that a query in Athena may read.
    scan_limit_bytes: int = 1 << 40
    #: Days for which logs are kept.
    log_days: int = 30
    #: Who may take the analysts' role; where nobody is named, whom the account's own policies let take it.
    analysts: tuple[str, ...] = ()
    #: Who may take the stewards' role, which sees quarantine and tries again; as `analysts`.
    stewards: tuple[str, ...] = ()
    #: Who may take the operators' role, which sees how the deployment does, and refreshes; as `analysts`.
    operators: tuple[str, ...] = ()
    #: Datasets that have a producers' role, each with who may take it, also of other accounts; `[]` is as `analysts`.
    producers: Mapping[str, tuple[str, ...]] | None = None
    #: Private subnets that functions and the Spark job run in; the how-to on environments says what those need.
    vpc: Vpc | None = None

    @property
    def title(self) -> str:
        """Return what the names of the environment's stacks begin with."""
        return f"{self.name_prefix}-{self.name}"


#: What a name may be: also of a new project, whose stacks begin with it.
NAME_PREFIX: Final = re.compile(r"[a-z](-?[a-z0-9]){0,29}")
_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
#: Patterns of texts, each with its words.
_TEXTS = {
    "region": (re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]"), "a region, as us-east-1"),
    "account": (re.compile(r"([0-9]{12})?"), "an account's twelve digits"),
    "database_prefix": (re.compile(r"([a-z][a-z0-9_]{0,30})?"), "small letters, digits and _"),
    "permissions_boundary": (
        re.compile(r"(arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/[\w+=,.@/-]+)?"),
        "the ARN of a managed policy",
    ),
}
#: The least and the most of numbers, as AWS has them.
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
#: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
#: https://docs.aws.amazon.com/athena/latest/ug/workgroups-setting-control-limits-cloudwatch.html
_NUMBERS = {
    "ingest_memory": (128, 10_240),
    "commit_memory": (128, 10_240),
    "transform_memory": (128, 10_240),
    "transform_memory_large": (128, 10_240),
    "stream_memory": (128, 10_240),
    "stream_shards": (0, 500),
    "stream_stacks": (1, MOST_STREAM_STACKS),
    "stream_batch": (1, 10_000),
    "stream_window_seconds": (0, 300),
    "stream_parallelization": (1, 10),
    "stream_retention_hours": (24, STREAM_HOURS),  # what recognises a record that comes again does not outlive more
    "ingest_concurrency": (2, 1000),
    "commit_concurrency": (2, 1000),
    "scan_limit_bytes": (10_000_000, 7_000_000_000_000_000),
}
_SWITCHES = ("keep_data", "reserve_commits", "customer_key", "tracing")
_MOST_TAGS = 50
#: Who takes a role, as its trust policy names them: never everybody, and no pattern.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(root|(role|user)/[\w+=,.@/-]+)")
#: Characters of them at most: a trust policy has 2,048, some of which are the policy's own.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_MOST_PRINCIPALS = 1_900
_PEOPLE = ("analysts", "stewards", "operators")


def read_environments(file: Path) -> dict[str, Environment]:
    """Return the environments that a file declares, by name; ``EnvironmentRefused`` names line and field."""
    return _File(file).environments()


def declared_environment(file: Path, name: str) -> Environment:
    """Return the environment of that name in a file; ``WrongArgument`` names those that it declares."""
    known = read_environments(file)
    if name not in known:
        raise WrongArgument(
            f"There is no environment {name!r}; allowed: {', '.join(known)}.",
            safe="nothing was deployed or changed.",
            next_step=f"name one of them, as `--env {next(iter(known))}`, or declare it in {file}.",
            value=name,
            file=str(file),
        )
    return known[name]


class _File:
    """The file with its nodes, so that every refusal can name its line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found = Gathered()
        self.root: yaml.Node | None = None
        try:
            self.root, self.raw = load_yaml(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            self.refuse((), f"it is not UTF-8: {error}")
        except yaml.YAMLError as error:
            line, problem = line_and_problem(error)
            self.refuse((), f"it is not YAML: {problem}", line=line)

    def environments(self) -> dict[str, Environment]:
        """Return all environments; at least one is declared. Raise with everything that is wrong."""
        whole = self.mapping((), self.raw)
        self.only((), whole, ("name_prefix", "environments"))
        prefix = whole.get("name_prefix")
        with self.found:
            if not isinstance(prefix, str) or not NAME_PREFIX.fullmatch(prefix):
                words = f"{prefix!r} is not allowed; at most 30 small letters, digits and single -"
                self.refuse(("name_prefix",), words)
        made: dict[str, Environment] = {}
        with self.found:
            declared = self.mapping(("environments",), whole.get("environments"))
            if not declared:
                self.refuse(("environments",), "it declares no environment")
            for name, given in declared.items():
                with self.found:
                    made[name] = self.environment(name, given, str(prefix))
                    self.apart(made[name], made.values())
        self.found.refuse()
        return made

    def environment(self, name: str, given: Any, prefix: str) -> Environment:
        """Return one environment."""
        at = ("environments", name)
        with self.found:
            if not _NAME.fullmatch(name):
                self.refuse(at, f"{name!r} is no environment's name: at most 16 small letters and digits")
        settings = self.mapping(at, given)
        known = [each.name for each in fields(Environment) if each.name not in ("name", "name_prefix")]
        meant = self.only(at, settings, known)
        for needed in ("region", "keep_data"):
            if needed not in settings and needed not in meant:
                with self.found:
                    self.refuse(at, f"{needed} is missing")
        checked: dict[str, Any] = {}
        for key, value in settings.items():
            with self.found:
                if key in known:
                    checked[key] = self.setting((*at, key), key, value)
        if not {"region", "keep_data"} <= checked.keys():
            raise Concerned
        if "vpc" in checked:
            checked["vpc"] = self.vpc((*at, "vpc"), checked["vpc"], checked["region"])
        self.same_partition(at, checked)
        return Environment(name=name, name_prefix=prefix, **checked)

    def apart(self, one: Environment, declared: Iterable[Environment]) -> None:
        """Refuse an environment whose databases and streams would be called as those of another, in one account."""
        for other in declared:
            if other.name == one.name or (other.region, other.database_prefix) != (one.region, one.database_prefix):
                continue
            if other.account and one.account and other.account != one.account:
                continue
            at = ("environments", one.name)
            self.refuse(
                (*at, "database_prefix") if "database_prefix" in self.raw["environments"][one.name] else at,
                f"its databases and streams are called as those of {other.name}, and AWS refuses the second in one "
                f"account and region: give it a `database_prefix` of its own, as {one.name}_, or both an `account`, "
                f"which is what to do where {one.name} is deployed: another prefix leaves its tables behind",
            )

    def setting(self, at: tuple[str, ...], key: str, value: Any) -> Any:
        """Return the value of a setting, in its type."""
        if key == "vpc":
            return value  # read once the region is known
        if key in ("tags", "producers", *_PEOPLE):
            read = {"tags": self.tags, "producers": self.producers}.get(key, self.principals)
            return read(at, value)
        if key in _SWITCHES:
            if not isinstance(value, bool):
                self.refuse(at, f"{value!r} is not allowed; true or false")
            return value
        if key in _TEXTS:
            pattern, words = _TEXTS[key]
            text = str(value) if key == "account" and type(value) is int else value
            if not isinstance(text, str) or not pattern.fullmatch(text):
                self.refuse(at, f"{value!r} is not allowed; {words}")
            return text
        if key == "log_days":
            if value not in LOG_DAYS or type(value) is not int:
                self.refuse(at, f"{value!r} is not allowed; one of {', '.join(map(str, LOG_DAYS))}")
            return value
        least, most = _NUMBERS[key]
        if type(value) is not int or not least <= value <= most:
            self.refuse(at, f"{value!r} is not allowed; a whole number from {least} to {most}")
        return value

    def tags(self, at: tuple[str, ...], value: Any) -> dict[str, str]:
        """Return the tags: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html."""
        found = self.mapping(at, value)
        if len(found) > _MOST_TAGS:
            self.refuse(at, f"there are more than {_MOST_TAGS}")
        for key, text in found.items():
            if not isinstance(text, str) or not re.fullmatch(r"[\w .:/=+@-]{0,256}", text):
                self.refuse((*at, key), f"{text!r} is not allowed; a text of letters, digits, spaces and _.:/=+-@")
            if not re.fullmatch(r"(?!(?i:aws:))[\w .:/=+@-]{1,128}", key):
                self.refuse((*at, key), f"{key!r} is no tag's key")
        return found

    def same_partition(self, at: tuple[str, ...], checked: Mapping[str, Any]) -> None:
        """Refuse ARNs of another partition than the region's: AWS would refuse them when they are deployed."""
        producers = checked.get("producers", {}).items()
        given = [((key,), checked.get(key, ())) for key in _PEOPLE]
        given += [(("permissions_boundary",), filter(None, [checked.get("permissions_boundary")]))]
        for where, arns in [*given, *((("producers", name), arns) for name, arns in producers)]:
            for arn in arns:
                with self.found:
                    if why := foreign_to(checked["region"], arn):
                        self.refuse((*at, *where), why)

    def vpc(self, at: tuple[str, ...], value: Any, region: str) -> Vpc:
        """Return the network of an environment in ``region``."""
        try:
            return read_vpc(value, region)
        except NoVpc as error:
            self.refuse((*at, *error.at), error.why)

    def producers(self, at: tuple[str, ...], value: Any) -> dict[str, tuple[str, ...]]:
        """Return who delivers each dataset."""
        return {str(name): self.principals((*at, str(name)), who) for name, who in self.mapping(at, value).items()}

    def principals(self, at: tuple[str, ...], value: Any) -> tuple[str, ...]:
        """Return the ARNs of those who may take a role."""
        if not isinstance(value, list):
            self.refuse(at, "it holds a list of ARNs, `[]` for the account's own")
        for each in value:
            if not isinstance(each, str) or not _PRINCIPAL.fullmatch(each):
                self.refuse(at, f"{each!r} is not allowed; the ARN of a role, a user, or an account's root")
        if (size := sum(len(each) + len('"",') for each in value)) > _MOST_PRINCIPALS:
            self.refuse(
                at,
                f"these ARNs have {size:,} characters, and the role's trust policy has room for {_MOST_PRINCIPALS:,}: "
                "name an account's root, which lets its own policies decide, or one role that they all take",
            )
        return tuple(value)

    def mapping(self, at: tuple[str, ...], value: Any) -> dict[str, Any]:
        """Return the value, if it is a mapping."""
        if not isinstance(value, dict):
            self.refuse(at, "it holds `name: value` lines, indented below it")
        return value

    def only(self, at: tuple[str, ...], given: Mapping[str, Any], allowed: Sequence[str]) -> set[str]:
        """Refuse each field that is none, and return those that were probably meant."""
        found = set()
        for key in given:
            if key not in allowed:
                near = nearest(key, allowed)
                found.add(near)
                meant = f"did you mean {near}? " if near else ""
                with self.found:
                    self.refuse((*at, key), f"there is no such field; {meant}allowed: {', '.join(allowed)}")
        return found

    def refuse(self, at: tuple[str, ...], why: str, *, line: int | None = None) -> NoReturn:
        """Raise, with file, line and field."""
        line = line or line_of(self.root, at)
        raise EnvironmentRefused(
            f"{self.path}:{line}: {'.'.join(at) or 'environments'}: {why}.", file=str(self.path), position=line
        )
