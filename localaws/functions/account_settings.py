"""Lambda's GetAccountSettings: what an account's functions may use together, and what they use."""

from __future__ import annotations

import json
import os
from typing import Any, Final

from moto.awslambda import urls
from moto.awslambda.responses import LambdaResponse

from localaws.moto_patches import add, extend

_PATH: Final = r"{0}/2016-08-19/account-settings/?$"
#: What an account has that asked for no more: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_LIMITS: Final = {"TotalCodeSize": 75 << 30, "CodeSizeUnzipped": 250 << 20, "CodeSizeZipped": 50 << 20}
_CONCURRENCY: Final = "1000"


def install() -> None:
    """Have moto answer GetAccountSettings, which it lacks."""
    extend(urls, "url_paths", {_PATH: LambdaResponse.dispatch})
    add(LambdaResponse, "get_account_settings", get_account_settings)


def get_account_settings(self: Any) -> str:
    """Answer GetAccountSettings; the quota is the one by which moto refuses to reserve concurrency."""
    functions = list(self.backend.list_functions())
    # https://docs.getmoto.org/en/latest/docs/services/lambda.html
    most = int(os.environ.get("MOTO_LAMBDA_CONCURRENCY_QUOTA", _CONCURRENCY))
    reserved = sum(int(each.reserved_concurrency or 0) for each in functions)
    limits = {**_LIMITS, "ConcurrentExecutions": most, "UnreservedConcurrentExecutions": most - reserved}
    used = {"TotalCodeSize": sum(each.code_size for each in functions), "FunctionCount": len(functions)}
    return json.dumps({"AccountLimit": limits, "AccountUsage": used})
