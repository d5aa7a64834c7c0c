"""Lambda's account settings, which moto does not have: how many functions may run at once.

A WSGI application around moto's own.
https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html
"""

import json
from collections.abc import Iterable
from typing import Any

from local.guard import Application

PATH = "/2016-08-19/account-settings"

CONCURRENT_EXECUTIONS = 1_000
"""AWS's default quota. A new account may begin with as few as 10:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

LIMITS = {
    "TotalCodeSize": 80_530_636_800,
    "CodeSizeUnzipped": 262_144_000,
    "CodeSizeZipped": 52_428_800,
    "ConcurrentExecutions": CONCURRENT_EXECUTIONS,
    "UnreservedConcurrentExecutions": CONCURRENT_EXECUTIONS,
}


class AccountSettings:
    """Answers `GetAccountSettings`, and passes everything else to `moto`."""

    def __init__(self, moto: Application) -> None:
        self._moto = moto

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """One request, by WSGI."""
        if environ.get("PATH_INFO", "").rstrip("/") != PATH:
            return self._moto(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json")])
        usage = {"TotalCodeSize": 0, "FunctionCount": 0}
        return [json.dumps({"AccountLimit": LIMITS, "AccountUsage": usage}).encode()]
