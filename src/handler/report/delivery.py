"""What Klaviyo said in a delivery, as metrics and log lines. The same for both functions."""

from collections.abc import Iterable

from handler.report.message_ids import shown_id
from handler.report.telemetry import Metric, Telemetry
from klaviyo_client.api.outcomes import Refused, Retryable, RetryReason
from klaviyo_client.api.redaction import redact, redact_code, redact_pointer
from klaviyo_client.results import Delivery, Result
from operations import Json, kind_of

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
    _report_warnings(telemetry, delivery.results)
    for text, results in (("refused", refused), ("refused by import", delivery.import_failures)):
        for result in results:
            telemetry.warning(
                text,
                message_id=shown_id(result.operation.message_id),
                operation=kind_of(result.operation),
                **refusal_details(result),
            )


def _report_warnings(telemetry: Telemetry, results: Iterable[Result]) -> None:
    """Count and log what delivered operations went without, by warning; the log names each
    message."""
    by_warning: dict[str, list[str | None]] = {}
    for result in results:
        for warning in result.warnings:
            by_warning.setdefault(warning.value, []).append(result.operation.message_id)
    for code, message_ids in by_warning.items():
        telemetry.count(Metric.WARNED, len(message_ids))
        telemetry.count_reason(Metric.WARNED, code, len(message_ids))
        telemetry.messages("warned", code, dict.fromkeys(message_ids))


def refusal_details(result: Result) -> dict[str, Json]:
    """A refusal for logs and answers: pointer and text, with everything personal masked."""
    refused = result.outcome
    if not isinstance(refused, Refused):
        return {}
    details: dict[str, Json] = {
        "status": refused.status,
        "code": redact_code(refused.code),
        "detail": redact(refused.detail, result.operation),
    }
    if refused.pointer is not None:
        details["pointer"] = redact_pointer(refused.pointer)
    return details
