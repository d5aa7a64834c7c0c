"""The two functions as a fault run starts them: the real ones, with shorter waits.

A run of minutes cannot wait for a quarter of an hour, nor a minute for each import job, nor half an
hour between two consents of a person.
"""

import functools
import os
from dataclasses import replace
from typing import Any

from handler import assembly
from handler.intake import Intake
from handler.queue.backoff import Pace
from handler.redelivery import Redelivery

ONCE_SECONDS = "FAULT_RUN_ONCE_SECONDS"
"""The variable that says for how many seconds it is known who has withdrawn a consent, us or the
person in Klaviyo: longer than what a killed function holds stays hidden. In the cloud it is half an
hour."""

LEDGER_SECONDS = 2.0
"""Of a webhook call: moto answers one request after the other."""

LATE_SECONDS = 3.0
"""For which the retry function first leaves a late table alone; half a minute in the cloud."""


def _once_seconds() -> float:
    return float(os.environ[ONCE_SECONDS])


def _pace() -> Pace:
    return Pace(first=1.0, longest=4.0, follow_up=1, leaving=_once_seconds())


@functools.cache
def _intake() -> Intake:
    intake = assembly.webhook(os.environ, once_seconds=_once_seconds())
    if intake.books is not None:
        intake.books.seconds = LEDGER_SECONDS
    return replace(intake, pace=_pace())


@functools.cache
def _redelivery() -> Redelivery:
    redelivery = assembly.retry(os.environ, once_seconds=_once_seconds())
    if redelivery.books is not None and redelivery.books.last_word.lateness is not None:
        redelivery.books.last_word.lateness.first = LATE_SECONDS
    return replace(redelivery, pace=_pace())


def webhook(lambda_event: dict[str, Any], _: Any) -> dict[str, Any]:
    """As `handler.webhook.lambda_handler`."""
    intake = _intake()
    answer = intake.handle(lambda_event)
    intake.telemetry.flush()
    return answer


def retry(lambda_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """As `handler.retry.lambda_handler`."""
    redelivery = _redelivery()
    seconds = context.get_remaining_time_in_millis() / 1000
    answer = redelivery.handle(lambda_event, seconds)
    redelivery.telemetry.flush()
    return answer
