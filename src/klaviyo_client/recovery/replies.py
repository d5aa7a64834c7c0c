"""What a reply means for each operation of its request, and what is to be sent on its account."""

from collections.abc import Callable, Sequence
from typing import TypeGuard

from msgspec.structs import replace

from klaviyo_client.api.answers import NOT_LET_IN, Answer, next_page, outcome_of, resources
from klaviyo_client.api.consent_state import standing_of
from klaviyo_client.api.endpoints import (
    BULK_IMPORT_PROFILES,
    CREATE_LIST,
    GET_IMPORT,
    GET_IMPORT_ERRORS,
    GET_LIST_MEMBERS,
    GET_LISTS,
    GET_PROFILES,
    UNSUBSCRIBE_PROFILES,
    UPSERT_PROFILE,
    Endpoint,
)
from klaviyo_client.api.outcomes import (
    Delivered,
    Outcome,
    Refused,
    Retryable,
    RetryReason,
    waiting_for,
)
from klaviyo_client.planning.caution import following
from klaviyo_client.planning.lists import KnownLists
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.requests import Request, Series
from klaviyo_client.recovery import import_jobs
from klaviyo_client.recovery.list_answers import read_created, read_lists
from klaviyo_client.recovery.lookup_answers import read_found
from klaviyo_client.recovery.other_forms import amended
from klaviyo_client.recovery.partial_success import record_partly
from klaviyo_client.recovery.repairs import repair
from operations import AddToList, CheckImport, Identity, UpsertProfile
from operations.instants import latest

SURELY_NOT_DONE = frozenset(
    {RetryReason.THROTTLED, RetryReason.UNAUTHORIZED, RetryReason.FORBIDDEN}
)
"""Answers that mean that Klaviyo has done nothing."""


class ReplyReader:
    """Reads the replies to the requests of one delivery, and notes what they mean.

    After `once_seconds` it surely shows whether an unsubscription that got no answer was carried
    out. Looked at before, the member would seem to be there still, and be unsubscribed once more:
    everywhere.
    """

    def __init__(self, progress: Progress, lists: KnownLists, once_seconds: float) -> None:
        self._once_seconds = once_seconds
        self._progress = progress
        self._lists = lists
        self._import_errors: dict[str, dict[str, import_jobs.Failure]] = {}
        self._failed_counts: dict[str, int] = {}

    def read(self, request: Request, reply: Answer | Retryable) -> list[Request]:
        """Record what the reply means; returns the requests that are to be sent on its account.

        A `Retryable` in place of an answer says why there is none.
        """
        series = request.series
        if series is not None:
            request = replace(request, series=None)
        again = self._read(request, reply)
        if series is not None:
            again = [*again, *self._continue(request, series, reply)]
        return again if again or not request.rest else self._go_on(request)

    def _continue(
        self, request: Request, series: Series, reply: Answer | Retryable
    ) -> list[Request]:
        """The next piece of the series. What ends it is the outcome of all that is left, so that
        what failed together travels together."""
        outcome = outcome_of(reply, request.endpoint) if isinstance(reply, Answer) else reply
        further = following(request, series, outcome)
        if not further:
            self._progress.record(replace(request, items=series.items), outcome)
        return further

    def _read(self, request: Request, reply: Answer | Retryable) -> list[Request]:
        outcome = outcome_of(reply, request.endpoint) if isinstance(reply, Answer) else reply
        if isinstance(reply, Answer):
            if isinstance(outcome, Refused):
                return repair(self._progress, request, reply, outcome)
            if isinstance(outcome, Delivered):
                reader = READERS.get(request.endpoint)
                if reader is not None:
                    return reader(self, request, reply)
                if request.endpoint is BULK_IMPORT_PROFILES:
                    self._follow_import(request, reply)
                if reply.left_out:
                    return record_partly(self._progress, request, reply, outcome)
        if (
            request.endpoint is GET_IMPORT_ERRORS
            and isinstance(outcome, Retryable)
            and outcome.reason is RetryReason.UNEXPECTED_ANSWER
            and outcome.status not in NOT_LET_IN
        ):
            self._act_on_import_errors(request, (), outcome)
            return []
        if request.endpoint is UPSERT_PROFILE and isinstance(reply, Answer):
            self._note_consents(request, reply, outcome)
        if request.endpoint is UNSUBSCRIBE_PROFILES and request.list_ids and _is_uncertain(outcome):
            outcome = replace(outcome, delay=max(outcome.delay or 0.0, self._once_seconds))
            self._progress.uncertain.update(
                position for item in request.items for position in item.covers
            )
        self._progress.record(request, outcome)
        return []

    def _note_consents(self, request: Request, answer: Answer, outcome: Outcome) -> None:
        """An upsert's answer shows the consents of its profile, which saves a look-up."""
        if not (request.with_consents and isinstance(outcome, Delivered)):
            return
        for _, attributes in resources(answer):
            standing = standing_of(attributes)
            if not standing.says_consents:
                return
            for item in request.items:
                for position in item.covers:
                    upsert = self._progress.operations[position]
                    if isinstance(upsert, UpsertProfile) and upsert.identity.email is not None:
                        key = ("email", upsert.identity.email.lower())
                        self._progress.standings[key] = standing

    def _go_on(self, request: Request) -> list[Request]:
        """The next of the requests that follow one another, unless this one must come again."""
        item = request.items[0]
        outcome = self._progress.outcomes.get((item.covers or item.joins)[0])
        if not isinstance(outcome, Retryable):
            return [replace(request, items=request.rest[:1], rest=request.rest[1:])]
        for later in request.rest:
            self._progress.record_item(request, later, waiting_for(outcome))
        return []

    def _read_lookup(self, request: Request, answer: Answer) -> list[Request]:
        return read_found(self._progress, request, answer)

    def _read_lists(self, request: Request, answer: Answer) -> list[Request]:
        return read_lists(self._progress, self._lists, request, answer)

    def _read_created(self, request: Request, answer: Answer) -> list[Request]:
        return read_created(self._progress, request, answer)

    def _follow_import(self, request: Request, answer: Answer) -> None:
        job_id = import_jobs.job_id(answer)
        operations = self._progress.operations
        message_ids = []
        times = []
        merged = {}
        for number, item in enumerate(request.items):
            first, *further = item.covers or item.joins[:1]
            message_ids.append(operations[first].message_id)
            if further:
                merged[str(number)] = [operations[position].message_id for position in further]
            said = (getattr(operations[each], "time", None) for each in (first, *further))
            times.append(latest(said))
        dated = tuple(times) if any(times) else ()
        check = CheckImport(None, job_id, tuple(message_ids), merged, times=dated)
        self._progress.follow_ups.append(check)

    def _look_at_import(self, request: Request, answer: Answer) -> list[Request]:
        verdict = import_jobs.verdict(answer)
        if verdict is not None:
            self._progress.record(request, verdict)
            return []
        self._failed_counts[request.target] = import_jobs.failed_count(answer) or 0
        list_ids = import_jobs.list_ids(answer)
        if list_ids is None and not request.query:
            return [replace(request, query=import_jobs.WITH_LISTS)]
        return [
            replace(
                request,
                endpoint=GET_IMPORT_ERRORS,
                query=import_jobs.FIRST_PAGE,
                list_ids=list_ids or (),
            )
        ]

    def _read_import_errors(self, request: Request, answer: Answer) -> list[Request]:
        """Act on the errors once all pages are read."""
        errors = self._import_errors.setdefault(request.target, {})
        for check in self._checks(request):
            if check.message_ids or not errors:
                found = import_jobs.failures(answer, check)
                errors.update((failure.key, failure) for failure in found)
        page = next_page(answer)
        if page is not None and page != request.query:
            return [replace(request, query=page)]
        outcome = Retryable(RetryReason.IMPORT_ERRORS_MISSING, status=answer.status)
        self._act_on_import_errors(request, list(errors.values()), outcome)
        return []

    def _act_on_import_errors(
        self, request: Request, errors: Sequence[import_jobs.Failure], otherwise: Retryable
    ) -> None:
        """Each error that is new to its check; `otherwise` is the outcome while some are missing.

        For each profile that is missing one entry waits, the check itself or a count of one, so
        that as many end in the dead-letter queue as can never be named.
        """
        failed = self._failed_counts.get(request.target, 0)
        for position, check in zip(request.items[0].covers, self._checks(request), strict=True):
            missing = failed - len(errors)
            if check.message_ids:
                new = [failure for failure in errors if failure.key not in check.read]
                for failure in new:
                    self._after_import_error(failure, request.list_ids)
                read = (*check.read, *(failure.key for failure in new))
                missing = failed - len(read)
                if missing > 0 and check.missing is None:
                    one = CheckImport(None, check.job_id, missing=1)
                    self._progress.follow_ups.extend([one] * (missing - 1))
                check = replace(check, read=read, missing=missing)
            if missing > 0 or otherwise.reason is RetryReason.UNEXPECTED_ANSWER:
                self._progress.operations[position] = check
                self._progress.outcomes[position] = otherwise
            else:
                self._progress.outcomes[position] = Delivered()

    def _checks(self, request: Request) -> list[CheckImport]:
        operations = self._progress.operations
        return [
            check
            for position in request.items[0].covers
            if isinstance(check := operations[position], CheckImport)
        ]

    def _after_import_error(self, failure: import_jobs.Failure, list_ids: tuple[str, ...]) -> None:
        """A profile that the job refused has not joined its lists either.

        Every message that was merged into it is accounted for.
        """
        upsert = failure.upsert
        other_form = amended(upsert, failure.refusals)
        if isinstance(other_form, UpsertProfile):
            self._progress.follow_ups.append(other_form)
            upsert = other_form
        else:
            self._progress.import_failures.extend(
                (replace(upsert, message_id=message_id), failure.refusals[0])
                for message_id in (upsert.message_id, *failure.further)
            )
        if upsert.identity != Identity():
            self._progress.follow_ups.extend(
                AddToList(upsert.message_id, upsert.identity, list_id, time=upsert.time)
                for list_id in list_ids
            )


READERS: dict[Endpoint, Callable[[ReplyReader, Request, Answer], list[Request]]] = {
    GET_IMPORT: ReplyReader._look_at_import,
    GET_IMPORT_ERRORS: ReplyReader._read_import_errors,
    GET_PROFILES: ReplyReader._read_lookup,
    GET_LIST_MEMBERS: ReplyReader._read_lookup,
    GET_LISTS: ReplyReader._read_lists,
    CREATE_LIST: ReplyReader._read_created,
}
"""What reads which answer. Not the reader's own: its bound methods would hold it, and with it all
of a call's messages, until the garbage collector looks."""


def _is_uncertain(outcome: Outcome) -> TypeGuard[Retryable]:
    """Whether Klaviyo may have carried it out nevertheless."""
    return (
        isinstance(outcome, Retryable)
        and outcome.tried
        and outcome.reason not in SURELY_NOT_DONE
        and outcome.status not in NOT_LET_IN
    )
