"""Lambda entry of `WebhookFunction`: one API Gateway event in, one HTTP response out."""

import functools
import os
from typing import Any

from handler import assembly
from handler.aws.garbage import Collector
from handler.intake import Intake
from handler.report.answer import turned_away
from handler.report.codes import TroubleCode

COLLECTOR = Collector()


@functools.cache
def _intake() -> Intake:
    intake = assembly.webhook(os.environ)
    COLLECTOR.start()
    return intake


def lambda_handler(lambda_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a webhook call of Segment's (HTTP API, payload format 2.0)."""
    intake = _intake()
    telemetry = intake.telemetry
    telemetry.begin(getattr(context, "aws_request_id", None))
    size = _size(lambda_event)
    try:
        return intake.handle(lambda_event)
    except Exception as error:  # the runtime would log its text, which may quote data
        telemetry.failure("unexpected failure", error)
        return turned_away(503, TroubleCode.INTERNAL_ERROR, "Segment sends the batch again.")
    finally:
        telemetry.flush()
        COLLECTOR.call_ended(size)


def _size(lambda_event: Any) -> int:
    """The characters of the body; 0 for an event that is not an HTTP request."""
    body = lambda_event.get("body") if isinstance(lambda_event, dict) else None
    return len(body) if isinstance(body, str) else 0


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    _intake()  # while Lambda starts the function: then a bad setting stops it, and start is faster
