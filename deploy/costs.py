"""What a month costs, computed from AWS's prices: `python -m deploy.costs` prints the tables of
docs/operating.md, and a test compares.

us-east-1, without free tiers. The prices were compared on the day in `seen`, some with copies of
AWS's pages, since the pages themselves could not be reached.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.aws_stand_in.template import source

MILLION = 1_000_000
SECONDS_A_MONTH = 30 * 86_400

VOLUMES = (1 * MILLION, 10 * MILLION, 100 * MILLION)
"""Messages a month."""

BATCH = 1_000
"""Messages in a request where Segment batches, its own default."""

MEMORY_GB = 0.5


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for `each` of something; where and when that was read."""

    dollars: float
    each: float
    what: str
    source: str
    seen: str

    def of(self, number: float) -> float:
        """Dollars for so many."""
        return number / self.each * self.dollars


API = Price(
    1.00,
    MILLION,
    "a million requests to an HTTP API, each 512 KB of one counted",
    "https://aws.amazon.com/api-gateway/pricing/",
    "2026-11-26, in a copy of AWS's whitepaper on private APIs",
)
LAMBDA_REQUESTS = Price(
    0.20, MILLION, "a million calls of Lambda", "https://aws.amazon.com/lambda/pricing/", "2025"
)
LAMBDA_TIME = Price(
    0.0000133334, 1, "a GB-second of arm64", "https://aws.amazon.com/lambda/pricing/", "2025"
)
LOGS = Price(0.50, 1e9, "a GB of logs", "https://aws.amazon.com/cloudwatch/pricing/", "2025")
TRANSFER = Price(
    0.09, 1e9, "a GB to the internet", "https://aws.amazon.com/ec2/pricing/on-demand/", "2025"
)
TRACES = Price(
    5.00,
    MILLION,
    "a million traces",
    "https://aws.amazon.com/xray/pricing/",
    "2026-11-26, in a copy of the page",
)
SQS = Price(
    0.40,
    MILLION,
    "a million requests to SQS, each 64 KB of one counted",
    "https://aws.amazon.com/sqs/pricing/",
    "2025",
)
SECRET = Price(0.40, 1, "a secret", "https://aws.amazon.com/secrets-manager/pricing/", "2025")
ALARM_METRIC = Price(
    0.10, 1, "a metric of an alarm", "https://aws.amazon.com/cloudwatch/pricing/", "2025"
)
OWN_METRIC = Price(
    0.30, 1, "a metric of one's own", "https://aws.amazon.com/cloudwatch/pricing/", "2025"
)

PRICES = (
    API,
    LAMBDA_REQUESTS,
    LAMBDA_TIME,
    LOGS,
    TRANSFER,
    TRACES,
    SQS,
    SECRET,
    ALARM_METRIC,
    OWN_METRIC,
)


@dataclass(frozen=True, slots=True)
class Manner:
    """How messages come, and what a request is assumed to need: 512 KB parts, seconds, bytes of
    logs."""

    name: str
    messages: int
    parts: int
    seconds: float
    log_bytes: int


BATCHED = Manner("in batches of 1,000", BATCH, 3, 1.5, 42_000)
SINGLE = Manner("one by one", 1, 1, 0.3, 2_000)

BYTES_TO_KLAVIYO = 600
"""Of an event, with its share of the request."""

POLLS_AT_REST = 650_000
"""Requests of a month: Lambda polls an empty queue with five long polls of twenty seconds."""

OWN_METRICS = 25
"""Of the stack's own, those in use: 20 to 30."""


def parts_of_month(messages: int, manner: Manner) -> Mapping[str, float]:
    """Dollars by what they are for; without what a month costs at rest."""
    requests = messages / manner.messages
    return {
        "API": API.of(requests * manner.parts),
        "Lambda": LAMBDA_REQUESTS.of(requests)
        + LAMBDA_TIME.of(requests * manner.seconds * MEMORY_GB),
        "logs": LOGS.of(requests * manner.log_bytes),
        "to Klaviyo": TRANSFER.of(messages * BYTES_TO_KLAVIYO),
    }


def traces(messages: int, manner: Manner) -> float:
    """Dollars of `Tracing: Active` at most: each second's first request, 5 % of the others.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html
    """
    requests = messages / manner.messages
    first_ones = min(requests, SECONDS_A_MONTH)
    return TRACES.of(first_ones + 0.05 * (requests - first_ones))


def at_rest() -> Mapping[str, float]:
    """Dollars of a month without a message."""
    return {
        "the secret": SECRET.of(1),
        "polling the empty queue": SQS.of(POLLS_AT_REST),
        f"{alarm_metrics()} metrics of alarms": ALARM_METRIC.of(alarm_metrics()),
        f"{OWN_METRICS} metrics of its own": OWN_METRIC.of(OWN_METRICS),
    }


def alarm_metrics() -> int:
    """The metrics that the alarms read which are always there."""
    resources: Mapping[str, Any] = source()["Resources"]
    alarms = [
        each["Properties"]
        for each in resources.values()
        if each["Type"] == "AWS::CloudWatch::Alarm" and "Condition" not in each
    ]
    return sum(
        sum("MetricStat" in metric for metric in alarm.get("Metrics", [])) or 1 for alarm in alarms
    )


def page() -> str:
    """The tables as docs/operating.md has them."""
    names = [*parts_of_month(MILLION, BATCHED), "together", "traces, if Active"]
    lines = ["| messages a month | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for manner in (BATCHED, SINGLE):
        for messages in VOLUMES:
            parts = parts_of_month(messages, manner)
            cells = [*parts.values(), sum(parts.values()), traces(messages, manner)]
            lines.append(
                f"| {messages // MILLION} million {manner.name} | "
                + " | ".join(map(_dollars, cells))
                + " |"
            )
    resting = at_rest()
    lines += [
        "",
        "| a month at rest | |",
        "|---|---|",
        *(f"| {name} | {_dollars(cost)} |" for name, cost in resting.items()),
        f"| together | {_dollars(sum(resting.values()))} |",
        "",
        "| price | for | source | seen |",
        "|---|---|---|---|",
        *(
            f"| ${each.dollars:.10f}".rstrip("0").rstrip(".")
            + f" | {each.what} | [AWS]({each.source}) | {each.seen} |"
            for each in PRICES
        ),
    ]
    return "\n".join(lines)


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 0.01 else "under $0.01"


if __name__ == "__main__":
    print(page())
