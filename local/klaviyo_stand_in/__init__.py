"""A stand-in for Klaviyo on loopback. It validates requests strictly and stores what it is sent.

For tests, local runs, fault runs and benchmarks; not deployed. `Account` is the whole stand-in
without I/O, `serve` puts one behind HTTP.
"""

from local.klaviyo_stand_in.account import Account
from local.klaviyo_stand_in.checks.rate_limits import Limit
from local.klaviyo_stand_in.protocol.exchange import Reply, Request, Response
from local.klaviyo_stand_in.protocol.log import RequestRecord
from local.klaviyo_stand_in.protocol.policy import Policy
from local.klaviyo_stand_in.records.events import EventRecord
from local.klaviyo_stand_in.server import serve
from local.klaviyo_stand_in.weather import Faults, Weather

__all__ = [
    "Account",
    "EventRecord",
    "Faults",
    "Limit",
    "Policy",
    "Reply",
    "Request",
    "RequestRecord",
    "Response",
    "Weather",
    "serve",
]
