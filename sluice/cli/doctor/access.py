"""Whose credentials these are, in which region and at what time: what each later call of AWS depends on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError

from sluice.cli.deployment import session
from sluice.cli.doctor.account import Account, first_line
from sluice.cli.doctor.checks import CannotTell, Finding, well
from sluice.environments import Environment

#: A signed request is refused when its time is further off: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
MOST_OFF: Final = timedelta(minutes=5)
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})
_OF_CLOCKS: Final = frozenset(
    {"RequestExpired", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "InvalidSignatureException"}
)
_SIGN_IN: Final = "`aws login` or `aws configure sso`, or set AWS_PROFILE; then `aws sts get-caller-identity`."
_AGAIN: Final = "`aws login` or `aws sso login`, or new export lines; then `aws sts get-caller-identity`."


@dataclass(frozen=True)
class Caller:
    """What AWS answered to who asks: ``account`` is empty where it is unknown."""

    finding: Finding
    account: str = ""
    date: str = ""


def caller(account: Account) -> Caller:
    """Ask AWS whose credentials these are."""
    try:
        answer = account.client("sts").get_caller_identity()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        return Caller(_refused(code, str(error)), date=_date(error.response))
    except (BotoCoreError, ResponseParserError, LookupError, ValueError) as error:
        return Caller(_unanswered(error))
    if lacking := [key for key in ("Account", "Arn") if not answer.get(key)]:
        said = f"what answers is no AWS: it does not say the caller's {lacking[0]}"
        return Caller(Finding("failed", said, _reach()), date=_date(answer))
    at = os.environ.get("AWS_ENDPOINT_URL")
    where = f", at {at} which AWS_ENDPOINT_URL names, and not at AWS" if at else ""
    return Caller(well(f"{answer['Arn']}{where}"), str(answer["Account"]), _date(answer))


def _refused(code: str, said: str) -> Finding:
    if code in _EXPIRED:
        return Finding("failed", "the token has expired", _AGAIN)
    if code in _OF_CLOCKS:
        how = "mend the clock if `clock` says so; else the secret access key is not that of the access key id."
        return Finding("failed", f"AWS refuses the signature: {said}", how)
    return Finding("failed", f"AWS refuses them: {said}", _SIGN_IN)


def _unanswered(error: Exception) -> Finding:
    """Return what is wrong where no AWS answered; botocore raises more than its own errors.

    ValueError for an address that is none, KeyError for XML that is of no AWS.
    """
    if isinstance(error, UnauthorizedSSOTokenError | SSOTokenLoadError | TokenRetrievalError):
        return Finding("failed", f"the session of the profile has expired: {error}", _AGAIN)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return Finding("failed", f"there are none: {error}", _SIGN_IN)
    if isinstance(error, ResponseParserError | LookupError):
        return Finding("failed", f"what answers is no AWS: {first_line(error)}", _reach())
    return Finding("failed", f"AWS does not answer: {error}", _reach())


def _reach() -> str:
    if at := os.environ.get("AWS_ENDPOINT_URL"):
        if not at.startswith(("http://", "https://")):
            return f"`export AWS_ENDPOINT_URL=http://{at}` where that answers, or `unset AWS_ENDPOINT_URL`."
        return f"start what answers at {at} (`sluice up`), or `unset AWS_ENDPOINT_URL` for an account."
    return "see that this machine reaches AWS: network, proxy (HTTPS_PROXY), the region's name."


def _date(answer: dict[str, Any]) -> str:
    return str(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", ""))


def clock(asked: Caller) -> Finding:
    """Compare this machine's clock with the date of AWS's answer, whether it was a refusal or not."""
    if not asked.date:
        raise CannotTell("AWS gave no answer with a date", "mend what `credentials` says, then ask again.")
    try:
        theirs = parsedate_to_datetime(asked.date)
    except ValueError as error:
        raise CannotTell(f"the answer's date is none: {error}", "see what answers at AWS_ENDPOINT_URL.") from error
    off = datetime.now(UTC) - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))
    minutes = round(abs(off) / timedelta(minutes=1))
    if abs(off) <= MOST_OFF:
        return well("it is less than a minute off" if minutes < 1 else f"it is {minutes} minutes off")
    way = "fast" if off > timedelta(0) else "slow"
    return Finding(
        "failed",
        f"this machine's clock is {minutes} minutes {way}; AWS refuses what is signed with it",
        "`sudo timedatectl set-ntp true` on Linux, `sudo sntp -sS time.apple.com` on macOS, `wsl --shutdown` in WSL.",
    )


def account_of(asked: Caller, environment: Environment) -> Finding:
    """Compare the account with the one that the environment belongs to."""
    if not asked.account:
        raise CannotTell("AWS did not say whose credentials these are", "mend what `credentials` says.")
    if not environment.account:
        return well(f"{asked.account}; environments.yaml names none for {environment.name}")
    # The local AWS has an account of its own, whatever the environment says: decision 0024, 5.
    if asked.account == environment.account or os.environ.get("AWS_ENDPOINT_URL"):
        return well(asked.account)
    return Finding(
        "failed",
        f"the credentials are of {asked.account}, and {environment.name} belongs to {environment.account}",
        f"take credentials of {environment.account} (AWS_PROFILE), or mend `account` in environments.yaml.",
    )


def region(environment: Environment) -> Finding:
    """Compare the region of this shell, which commands ask, with the environment's, to which deployments go."""
    try:
        here = session().get_config_variable("region")
    except ProfileNotFound as error:
        raise CannotTell(str(error), "`aws configure list-profiles` shows those that there are.") from error
    mend = f"`export AWS_REGION={environment.region} AWS_DEFAULT_REGION={environment.region}`"
    # boto3 and botocore read the second alone, the AWS CLI and other SDKs the first before it.
    others = {name: os.environ[name] for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if os.environ.get(name)}
    if not here and not others:
        return Finding(
            "failed", f"none is set; {environment.name} is in {environment.region}, and commands ask this shell's", mend
        )
    if wrong := sorted({here or "", *others.values()} - {environment.region, ""}):
        return Finding(
            "failed",
            f"this shell asks {' and '.join(wrong)}; {environment.name} is in {environment.region}: a deployment goes "
            "there, and `sluice status` would not find it",
            mend,
        )
    return well(environment.region)
