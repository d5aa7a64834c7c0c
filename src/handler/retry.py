"""Lambda entry of `RetryFunction`: one batch of the retry queue in, its failures out."""

import functools
import os
from typing import Any

from handler import assembly
from handler.aws.garbage import Collector
from handler.redelivery import Redelivery

DEFAULT_SECONDS = 60.0
"""Of time for a batch, where nobody says (Lambda does)."""

BYTES_OF_A_BATCH = 1_000_000
"""What a batch counts for the collector: about as much as one can hold."""

COLLECTOR = Collector()


@functools.cache
def _redelivery() -> Redelivery:
    redelivery = assembly.retry(os.environ)
    COLLECTOR.start()
    return redelivery


def lambda_handler(lambda_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Deliver a batch of SQS messages; reports partial batch failures."""
    redelivery = _redelivery()
    telemetry = redelivery.telemetry
    telemetry.begin(getattr(context, "aws_request_id", None))
    try:
        return redelivery.handle(lambda_event, _seconds_left(context))
    except Exception as error:  # the runtime would log its text, which may quote data
        telemetry.failure("unexpected failure", error)
        return redelivery.all_failed(lambda_event)
    finally:
        telemetry.flush()
        COLLECTOR.call_ended(BYTES_OF_A_BATCH)


def _seconds_left(context: Any) -> float:
    if hasattr(context, "get_remaining_time_in_millis"):
        return float(context.get_remaining_time_in_millis()) / 1000
    return DEFAULT_SECONDS


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    _redelivery()  # while Lambda starts the function: then a bad setting stops it
