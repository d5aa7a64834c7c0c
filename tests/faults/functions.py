"""The two functions as a fault run starts them: the real ones, with shorter waits.

A run of minutes cannot wait for a quarter of an hour, nor a minute for each import job.
"""

import functools
import os
from dataclasses import replace
from typing import Any

from handler import assembly
from handler.intake import Intake
from handler.queue.backoff import Pace
from handler.redelivery import Redelivery

PACE = Pace(first=1.0, longest=4.0, follow_up=1)

RETRY_SECONDS = 9.5
"""Of a batch of the retry queue, of which 6 are for Klaviyo. In the cloud it is 60."""


@functools.cache
def _intake() -> Intake:
    return replace(assembly.webhook(os.environ), pace=PACE)


@functools.cache
def _redelivery() -> Redelivery:
    return replace(assembly.retry(os.environ), pace=PACE)


def webhook(lambda_event: dict[str, Any], _: Any) -> dict[str, Any]:
    """As `handler.webhook.lambda_handler`."""
    intake = _intake()
    answer = intake.handle(lambda_event)
    intake.telemetry.flush()
    return answer


def retry(lambda_event: dict[str, Any], _: Any) -> dict[str, Any]:
    """As `handler.retry.lambda_handler`."""
    redelivery = _redelivery()
    answer = redelivery.handle(lambda_event, RETRY_SECONDS)
    redelivery.telemetry.flush()
    return answer
