"""What Klaviyo said in a delivery, as metrics and log lines. The same for both functions."""

from collections.abc import Iterable

from handler.telemetry import Metric, Telemetry
from klaviyo_client.delivery import Delivery, Result
from klaviyo_client.outcomes import Delivered, Refused, Retryable, RetryReason
from klaviyo_client.redaction import redact, redact_pointer
from klaviyo_mapping.operations import Json, kind_of

LONGEST_DETAIL = 500
"""Of what logs and answers quote of Klaviyo's texts; the dead-letter queue has more."""

AUTHORIZATION = frozenset({RetryReason.UNAUTHORIZED, RetryReason.FORBIDDEN})


def report_delivery(telemetry: Telemetry, delivery: Delivery) -> None:
    """Count and log what Klaviyo said, for either function."""
    outcomes = [result.outcome for result in delivery.results]
    retryable = [outcome.reason for outcome in outcomes if isinstance(outcome, Retryable)]
    refused = [result for result in delivery.results if isinstance(result.outcome, Refused)]
    telemetry.count(Metric.KLAVIYO_REQUESTS, delivery.requests)
    telemetry.count(Metric.THROTTLED, retryable.count(RetryReason.THROTTLED))
    telemetry.count(Metric.UNAUTHORIZED, sum(reason in AUTHORIZATION for reason in retryable))
    telemetry.count(Metric.REFUSED, len(refused))
    telemetry.count(Metric.IMPORT_FAILURES, len(delivery.import_failures))
    _report_warnings(telemetry, delivery)
    for text, results in (("refused", refused), ("refused by import", delivery.import_failures)):
        for result in results:
            telemetry.warning(
                text,
                message_id=result.operation.message_id,
                operation=kind_of(result.operation),
                **refusal_details(result),
            )


def warnings_of(results: Iterable[Result]) -> list[str]:
    """The warnings about these operations, each once."""
    found = (
        warning.value
        for result in results
        if isinstance(result.outcome, Delivered)
        for warning in result.outcome.warnings
    )
    return list(dict.fromkeys(found))


def _report_warnings(telemetry: Telemetry, delivery: Delivery) -> None:
    """What was left undone on purpose, so that an opt-out that did nothing is seen."""
    warned: dict[str, list[str | None]] = {}
    for result in delivery.results:
        if isinstance(result.outcome, Delivered) and result.outcome.warnings:
            for warning in result.outcome.warnings:
                warned.setdefault(warning.value, []).append(result.operation.message_id)
    for code, ids in warned.items():
        telemetry.count(Metric.WARNED, len(ids))
        telemetry.count_reason(Metric.WARNED, code, len(ids))
        telemetry.messages("warned", code, ids)


def refusal_details(result: Result) -> dict[str, Json]:
    """A refusal for logs and answers: pointer and text, with everything personal masked."""
    refused = result.outcome
    if not isinstance(refused, Refused):
        return {}
    details: dict[str, Json] = {
        "status": refused.status,
        "code": refused.code[:LONGEST_DETAIL],
        # Cut when it is redacted: half of an address would not be recognised as one.
        "detail": redact(refused.detail, result.operation)[:LONGEST_DETAIL],
    }
    if refused.pointer is not None:
        details["pointer"] = redact_pointer(refused.pointer)[:LONGEST_DETAIL]
    return details
