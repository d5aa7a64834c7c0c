"""Whether a fault run's account adds up, and the table that it prints."""

from collections import Counter
from collections.abc import Mapping, Sequence

from handler.report.telemetry import Metric
from local.klaviyo_stand_in.protocol.log import UNANSWERED
from tests.faults.account import books
from tests.faults.account.ledger import CONSENT_GIVEN, Misfit
from tests.faults.run import Report

FATES = {
    Metric.DELIVERED: "delivered",
    Metric.QUEUED: "queued",
    Metric.DROPPED: "dropped",
    Metric.REJECTED: "rejected",
}


SLOWEST_ANSWER = 5.0
"""Seconds. Segment gives up then."""

MOST_MEMORY = 400.0
"""Megabytes, of the 512 that the template has."""


def lost(report: Report) -> list[Misfit]:
    """What is lost, and not counted already: whoever is unsubscribed everywhere has no consent
    left, and that is one misfortune."""
    everywhere = {(CONSENT_GIVEN, place[1]) for _, place in report.everywhere}
    return [misfit for misfit in report.lost if misfit[1] not in everywhere]


def _misfortunes(report: Report) -> dict[str, Sequence[object]]:
    """What must not be, by its name in the table.

    Without a ledger containers share nothing, and a queue has no order. Then what follows in one
    batch must not be stale; and the table counts apart what only a ledger excludes.
    """
    always = {
        "lost": lost(report),
        "doubled": report.doubled,
        "consents widened": report.widened,
        "misplaced": report.surplus,
    }
    if report.settings.ledger == "off":
        return {**always, "stale": [misfit for misfit in report.stale if misfit[0] == "identify"]}
    stale = report.stale
    if report.settings.ledger == "failing":
        told = [*report.warned, *report.untold]
        stale = [misfit for misfit in stale if misfit not in told]
    return {
        **always,
        "stale": stale,
        "unsubscribed everywhere": report.everywhere,
        "consents overtaken": report.overtaken,
        "wrong fates": report.fates,
    }


def problems(report: Report) -> list[str]:
    """What does not add up: nothing, if all is well."""
    answers, written = report.tally.answers, report.books
    into, out = books.taken_in(written), books.taken_out(written)
    events = {event for unit in report.units if not unit.refused for event in unit.events}
    checks = (
        *(
            (not places, f"{name}: {places[:3]} of {len(places)}")
            for name, places in _misfortunes(report).items()
        ),
        (
            report.tally.slowest_answer < SLOWEST_ANSWER or not report.settings.is_timed,
            f"the slowest answer took {report.tally.slowest_answer:.1f} s",
        ),
        (report.peak_mb < MOST_MEMORY, f"a function has held {report.peak_mb:.0f} MB"),
        (not report.killed_for_memory, f"{report.killed_for_memory} killed for their memory"),
        (not report.waiting.entries, f"{report.waiting.entries} entries still wait"),
        (
            bool(report.waiting.entries) or len(report.klaviyo.events) == len(events),
            "an event is missing, or there twice",
        ),
        (
            answers["received"] == sum(answers[fate] for fate in FATES.values()),
            "received is not delivered + queued + dropped + rejected, in the answers",
        ),
        (
            written[Metric.RECEIVED] == sum(written[metric] for metric in FATES),
            "received is not delivered + queued + dropped + rejected, in the metrics",
        ),
        *(
            (written[metric] == answers[fate], f"{metric.value} is not what was answered")
            for metric, fate in {Metric.RECEIVED: "received", **FATES}.items()
        ),
        (
            written[Metric.OPERATIONS_RETRIED]
            == written[Metric.RETRY_REQUEUED] + out - written[Metric.OPERATIONS_MERGED],
            "retried is not delivered + put back + dead-lettered",
        ),
        # What died, or could not be stored, is done again and counts again.
        (
            out >= into if report.settings.breaks else out == into,
            f"{into} operations into the queue, and {out} out of it",
        ),
    )
    return [text for holds, text in checks if not holds]


def table(report: Report) -> str:
    """The run in numbers."""
    tally, written = report.tally, report.books
    kinds: Counter[str] = Counter()
    for unit in report.units:
        kinds[unit.kind] += len(unit.messages)
    statuses: Counter[str] = Counter()
    for (_, status), number in report.requests.items():
        statuses["none" if status == UNANSWERED else str(status)] += number
    into, out = books.taken_in(written), books.taken_out(written)
    later, dead = written[Metric.RETRY_DELIVERED], written[Metric.RETRY_DEAD_LETTERED]
    rows = [
        ("messages", f"{kinds.total():,}: {_listed(kinds)}"),
        (
            "Segment sent",
            f"{tally.messages_sent:,}, of these {tally.messages_sent_again:,} unasked",
        ),
        (
            "calls by status",
            _listed(tally.calls),
        ),
        ("messages answered", _listed(tally.answers)),
        ("retry batches", _listed(tally.batches)),
        ("the way to AWS", _listed(report.proxy)),
        ("Klaviyo's answers", _listed(statuses)),
        *(("on the way", text) for text in tally.snapshots),
        (
            "in Klaviyo",
            f"{len(report.klaviyo.events):,} events, each once "
            f"({sum(report.klaviyo.events.values()):,} accepted), "
            f"{len(report.klaviyo.properties):,} profiles, "
            f"{len(report.klaviyo.members):,} on the list",
        ),
        ("dead letters", f"{len(report.dead.places):,}, {report.dead.entries:,} with repeats"),
        ("operations queued", f"{into:,}"),
        (
            "and then",
            f"{later:,} delivered + {dead:,} dead-lettered + {report.waiting.entries:,} waiting "
            f"= {out + report.waiting.entries:,}; {out - into:,} of it repeats after crashes",
        ),
        *((name, f"{len(places):,}") for name, places in _misfortunes(report).items()),
        ("ledger", f"{report.settings.ledger}; {_listed(tally.table) or 'never failing'}"),
        (
            "stale in all",
            f"{len(report.stale):,}: {_listed(Counter(kind for kind, _ in report.stale)) or '-'}; "
            f"{len(report.warned):,} of it with the warning that its order was not checked, "
            f"{len(report.untold):,} where a function was killed before it could warn",
        ),
        (
            "fates",
            f"{len(report.fates):,} disagree: "
            f"{_listed(Counter(kind for kind, _ in report.fates)) or '-'}",
        ),
        (
            "behind",
            f"{len(report.behind):,} whose fate was given up, and counted: "
            f"{_listed(Counter(kind for kind, _ in report.behind)) or '-'}",
        ),
        (
            "ended",
            f"{len(report.ended):,} whose fate a process has carried over until it was killed: "
            f"{_listed(Counter(kind for kind, _ in report.ended)) or '-'}",
        ),
        ("everywhere", f"{len(report.everywhere):,} of those who left a list"),
        ("overtaken", f"{len(report.overtaken):,} of those who withdrew a consent"),
        ("warnings", _listed(report.warnings)),
        ("slowest answer", f"{tally.slowest_answer:.2f} s"),
        ("peak memory", f"{report.peak_mb:.0f} MB"),
        ("seconds", f"{report.seconds:.0f}"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in rows)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in sorted(counts.items()))
