"""Days of the retry queue in seconds: the real function and moto's queues, by a test's clock.

Moto asks the clock for what is visible, the function for what is due and Klaviyo's client for how
long to pause. So a day passes as fast as its invocations run.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.sqs import models

from handler import assembly
from handler.redelivery import Redelivery
from klaviyo_client.delivery import Klaviyo
from local.aws_stand_in import server as aws
from local.aws_stand_in.function import RecursiveInvocationError
from local.aws_stand_in.poller import Poller
from local.aws_stand_in.template import properties
from local.aws_stand_in.tracing import MOST_INVOCATIONS, trace_of
from tests.deployment import Deployment

NAME = "RetryFunction"
BATCH_SIZE = 100
SECONDS_A_BATCH = 1.0


class Clock:
    """Unix seconds, moved by hand; `monkeypatch` gives it to moto's queues."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: float = 1_800_000_000.0) -> None:
        self.now = now
        monkeypatch.setattr(models, "unix_time_millis", lambda: self.now * 1000)
        monkeypatch.setattr(models, "unix_time", lambda: self.now)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def date(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)


class RetrySide:
    """The retry queue, its poller and its function, until the time that a test says.

    `dropped` counts the invocations that Lambda stopped as part of a recursive loop, `failures` the
    SQS messages that the function reported as failed, `hops` is the longest chain of invocations.
    """

    def __init__(
        self,
        deployment: Deployment,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
        *,
        allows_recursion: bool = True,
    ) -> None:
        # botocore forwards the trace header inside of a Lambda function only.
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", NAME)
        self._monkeypatch = monkeypatch
        self._deployment = deployment
        self._url = deployment.queues.retry_queue_url
        self._clock = clock
        self._allows_recursion = allows_recursion
        self._poller = Poller(self._url, self._invoke)
        self.function = retry_function(deployment.variables, clock)
        self.dropped = self.failures = self.hops = self.invocations = 0
        deployment.sqs.set_queue_attributes(
            QueueUrl=self._url,
            Attributes={"VisibilityTimeout": str(properties("RetryQueue")["VisibilityTimeout"])},
        )

    def run(self, seconds: float) -> None:
        """What happens within so many seconds."""
        until = self._clock.now + seconds
        while self.turn(until):
            pass

    def turn(self, until: float) -> bool:
        """One batch, or a wait for the next message; false when the time is up."""
        batch: list[Any] = []
        while len(batch) < BATCH_SIZE and self._shows_some():
            received = self._poller.receive(10)
            if not received:  # what SQS has just moved to the dead-letter queue
                break
            batch += received
        if batch:
            self._poller.take(batch)
            self._clock.now += SECONDS_A_BATCH
        else:
            hidden = (each.hidden_until for each in aws.held(self._url))
            soonest = min((time for time in hidden if time > self._clock.now), default=until)
            self._clock.now = min(soonest + 0.001, until)
        return self._clock.now < until

    def _shows_some(self) -> bool:
        return any(each.hidden_until <= self._clock.now for each in aws.held(self._url))

    def _invoke(self, lambda_event: Mapping[str, Any]) -> Any:
        trace = trace_of(lambda_event, NAME)
        if trace.invocation > MOST_INVOCATIONS and not self._allows_recursion:
            self.dropped += 1
            raise RecursiveInvocationError(NAME)
        self._monkeypatch.setenv("_X_AMZN_TRACE_ID", trace.header)
        self.invocations += 1
        self.hops = max(self.hops, trace.invocation)
        answer = self.function.handle(lambda_event, 60.0)
        self.function.telemetry.flush()
        self.failures += len(answer["batchItemFailures"])
        return answer


def retry_function(variables: Mapping[str, str], clock: Clock) -> Redelivery:
    """The retry function as it is assembled, with the test's clock."""
    klaviyo = Klaviyo(
        variables["KLAVIYO_API_URL"],
        patience=assembly.PATIENCE_SECONDS,
        clock=clock,
        sleep=clock.sleep,
    )
    return replace(assembly.retry(variables), klaviyo=klaviyo, now=clock.date)


def written_metrics(output: str) -> dict[str, float]:
    """The sums of the metrics in what a function has written."""
    sums: dict[str, float] = {}
    for line in output.splitlines():
        document = json.loads(line)
        for name, values in document.items() if "_aws" in document else ():
            if isinstance(values, list):
                sums[name] = sums.get(name, 0) + sum(values)
    return sums
