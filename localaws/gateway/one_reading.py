"""Makes moto carry out the call that was read and checked, instead of reading it from the request again.

moto looks for an action in the form, then in the address, then in ``X-Amz-Target``; for parameters in all of those,
even in the text of a JSON body and in headers; for the region in the host's name and in the user agent.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import BaseResponse
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend

from localaws.gateway import calls
from localaws.moto_patches import original, replace


def install() -> None:
    """Make moto's services take action, parameters and region from `localaws.gateway.calls`."""
    replace(BaseResponse, "setup_class", _setup_class)
    replace(BaseResponse, "_get_action", _get_action)
    replace(BaseResponse, "get_region_from_url", _get_region)
    replace(LogsBackend, "_find_log_group", _find_log_group)


def _call_of(request: Any) -> calls.Request | None:
    environ = getattr(request, "environ", None)
    return calls.read(environ) if environ is not None else None


def _setup_class(self: Any, request: Any, *args: Any, **kwargs: Any) -> None:
    self.localaws_call = call = _call_of(request)
    original(BaseResponse, "setup_class")(self, request, *args, **kwargs)
    if call is not None and call.form is not None:
        self.querystring = self.data = dict(call.form)


def _get_action(self: Any) -> Any:
    call = getattr(self, "localaws_call", None)
    if call is None or call.form is None or call.service == "s3" or not call.action:
        return original(BaseResponse, "_get_action")(self)
    if call.protocol == "rest":  # also stores the parameters in the path
        self._get_action_from_method_and_request_uri(self.normalized_request)
    return call.action


def _get_region(self: Any, request: Any, full_url: str) -> Any:
    call = _call_of(request)
    return call.region if call is not None else original(BaseResponse, "get_region_from_url")(self, request, full_url)


def _find_log_group(self: Any, log_group_id: str | None = None, log_group_name: str | None = None) -> Any:
    """Return the log group of exactly this name or ARN; moto returns whichever group was created last."""
    named = log_group_name or log_group_id or ""
    found = next((group for group in self.groups.values() if named in {group.name, group.arn}), None)
    if found is None:
        raise ResourceNotFoundException()
    return found
