"""A stand-in for Klaviyo: a strict judge of requests that keeps what it is sent, on loopback only.

For tests, local runs, fault runs and benchmarks; never packaged. `Account` is the whole of it
without I/O, `serve` puts one behind HTTP.
"""

from local.klaviyo.account import Account
from local.klaviyo.events import EventRecord
from local.klaviyo.exchange import Reply, Request, Response
from local.klaviyo.limits import Limit
from local.klaviyo.log import RequestRecord
from local.klaviyo.policy import Policy
from local.klaviyo.server import serve
from local.klaviyo.weather import Faults, Weather

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
