"""What each reason means, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from handler.report.codes import RejectionCode
from klaviyo_client.api.outcomes import RetryReason
from klaviyo_mapping import DropReason, MappingWarning, Warned


@dataclass(frozen=True, slots=True)
class Advice:
    """A reason's stable code, its meaning, and the remedy."""

    code: str
    meaning: str
    remedy: str


ADVICE: Mapping[str, Advice] = {
    reason.value: Advice(reason.value, reason.meaning, reason.remedy)
    for reason in (*DropReason, *MappingWarning, *RejectionCode, *RetryReason)
}
"""By code: why a message is dropped, rejected, queued, or delivered with a warning."""


def advice_on(warned: Warned) -> Advice:
    """The advice on a warning. The meaning begins with the option that the warning names."""
    advice = ADVICE[warned.code.value]
    if warned.field is None:
        return advice
    return replace(advice, meaning=f"{warned.field}: {advice.meaning}")
