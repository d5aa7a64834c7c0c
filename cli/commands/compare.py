"""`compare`: what an archive of messages would change in a Klaviyo account. Nothing is sent."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from cli import terminal as console
from cli.options import CommandContext, json_option, setting_options, settings_of, stack_option
from cli.troubles import Misuse, Status, Trouble
from klaviyo_mapping.settings.settings import Settings

if TYPE_CHECKING:
    from cli.comparison.account import Holdings
    from cli.comparison.archive import ArchiveSummary
    from cli.comparison.difference import Difference
    from cli.klaviyo.account import KlaviyoAccount
    from cli.klaviyo.asking import Inquirer

EPILOG = """\b
Examples:
  klaviyo-destination compare --stack klaviyo-destination s3://archive/segment-logs/q7Bx/
  KLAVIYO_PRIVATE_KEY=pk_… klaviyo-destination compare --ecommerce-metrics klaviyo messages.jsonl

\b
Reads the archive and judges each message as `backfill --with-lists --with-consent` does, and reads
the account's metrics, lists, and the properties of a sample of people and events. It needs the
scopes metrics:read, lists:read and profiles:read, and events:read for the properties of events.
KLAVIYO_PRIVATE_KEY comes before the stack's key. Nothing is sent, and nothing is changed.
With --json: {"messages", "mapped", "dropped": {reason: n}, "rejected": {code: n},
"sampled_people", "go_on", "new", "stop", "other_integrations", "renamed", "changed",
"new_properties", "missing_lists"}. Exit status: 1 if a flow, a segment or a report may break.
"""

RESEMBLES = "a flow may listen to the old name"


@click.command("compare", epilog=EPILOG)
@click.argument("archive", nargs=-1, required=True, metavar="FILE|FOLDER|s3://...")
@click.option(
    "--people",
    type=click.IntRange(0, 100_000),
    default=1_000,
    show_default=True,
    help="How many people in Klaviyo to sample.",
)
@stack_option
@setting_options
@json_option
def command(
    archive: tuple[str, ...],
    people: int,
    stack_name: str | None,
    env_file: Path | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Say which metrics, properties and lists would go on, be new, or stop. Nothing is sent."""
    from cli.comparison.account import add_events, holdings
    from cli.comparison.archive import other_names
    from cli.comparison.difference import difference

    context = CommandContext(stack_name, env_file, settings_of(options))
    settings, now = context.settings, datetime.now(UTC)
    inquirer, sees_events = _inquirer(context)
    reading = _read(archive, settings, now)
    if not reading.messages:
        raise Misuse("the archive has no messages")
    account = _account(inquirer)
    held, ids = holdings(account, people)
    if sees_events:
        shared = [(name, ids[name]) for name in reading.facts.metrics if name in ids]
        add_events(account, held, shared)
    alternatives = {
        name: other_names(name, message, settings, _others(settings), now)
        for name, message in reading.examples.items()
    }
    found = difference(reading.facts, held, alternatives)
    if as_json:
        console.write_json({**_counts(reading, held), **found.to_json()})
    else:
        _show(reading, held, found, sees_events)
    return Status.PROBLEMS if found.deserves_a_look else Status.OK


def _inquirer(context: CommandContext) -> "tuple[Inquirer, bool]":
    """Klaviyo, and whether the key may read events."""
    import os

    from cli.klaviyo.account import explained
    from cli.klaviyo.asking import Inquirer
    from cli.klaviyo.scopes import EVENTS, METRICS, PROBES, examine

    key = os.environ.get("KLAVIYO_PRIVATE_KEY", "").strip() or context.private_key()
    inquirer = Inquirer(context.api_url, key, console.tell_pause)
    needed = [probe for probe in PROBES if probe.scope.endswith(":read")]
    found = examine(inquirer, (*needed, METRICS, EVENTS))
    if found.unanswered is not None:
        probe, reply = found.unanswered
        raise Trouble(explained(reply, probe.endpoint))
    lacking = [scope for scope in found.lacking if scope != EVENTS.scope]
    if lacking:
        raise Trouble(
            f"the key lacks {', '.join(lacking)}: put one that has it into KLAVIYO_PRIVATE_KEY"
        )
    return inquirer, EVENTS.scope not in found.lacking


def _account(inquirer: "Inquirer") -> "KlaviyoAccount":
    from cli.klaviyo.account import KlaviyoAccount

    return KlaviyoAccount(inquirer)


def _read(archive: tuple[str, ...], settings: Settings, now: datetime) -> "ArchiveSummary":
    from cli.archive import all_records
    from cli.comparison.archive import ArchiveReader

    reader = ArchiveReader(settings, now)
    for _, record in all_records(archive):
        reader.take(record)
    return reader.reading


def _others(settings: Settings) -> dict[str, Settings]:
    """The settings that name metrics, each changed."""
    is_klaviyo = settings.ecommerce_metrics == "klaviyo"
    naming: Literal["segment", "klaviyo"] = "segment" if is_klaviyo else "klaviyo"
    order = not settings.send_placed_order_as_order_completed
    return {
        f"ECOMMERCE_METRICS={naming}": replace(settings, ecommerce_metrics=naming),
        f"SEND_PLACED_ORDER_AS_ORDER_COMPLETED={str(order).lower()}": replace(
            settings, send_placed_order_as_order_completed=order
        ),
    }


def _counts(reading: "ArchiveSummary", held: "Holdings") -> dict[str, Any]:
    return {
        "messages": reading.messages,
        "mapped": reading.mapped,
        "dropped": dict(reading.dropped.most_common()),
        "rejected": dict(reading.rejected.most_common()),
        "sampled_people": held.sampled_people,
    }


def _show(
    reading: "ArchiveSummary", held: "Holdings", found: "Difference", sees_events: bool
) -> None:
    rows: list[tuple[console.Cell, ...]] = [("messages", "mapped", reading.mapped)]
    rows += [("", f"dropped: {reason}", n) for reason, n in reading.dropped.most_common()]
    rows += [("", f"rejected: {why}", n) for why, n in reading.rejected.most_common()]
    console.write_table(("", "", "number"), rows)
    _show_metrics(found)
    _show_properties(found, held, sees_events)
    for named in found.missing_lists:
        console.say(console.painted("list", console.BAD), f"{named} is not in the account")
    console.say()
    if found.deserves_a_look:
        console.say("Flows, segments or reports may have to change. Nothing was sent.")
    else:
        console.say("No metric or list of the account would change. Nothing was sent.")


def _show_metrics(found: "Difference") -> None:
    rows: list[tuple[console.Cell, ...]] = [
        (console.painted("goes on", console.GOOD), name, number, None)
        for name, number in found.go_on.items()
    ]
    for each in found.new:
        remark = each.setting
        if each.resembles:
            remark = f'the account has "{each.resembles}": {RESEMBLES}'
        rows.append((console.painted("new", console.DOUBTFUL), each.name, each.number, remark))
    rows += [
        (console.painted("stops", console.BAD), name, None, "no message of the archive makes it")
        for name in found.stop
    ]
    if rows:
        console.say()
        console.write_table(("metric", "name", "events", ""), rows)
    if found.other_integrations:
        console.say(
            f"{console.counted(found.other_integrations, 'metric')} of other integrations go on."
        )


def _show_properties(found: "Difference", held: "Holdings", sees_events: bool) -> None:
    rows: list[tuple[console.Cell, ...]] = []
    rows += [
        (each.name, _whose(each.metric), f"{each.before} in Klaviyo, {each.after} from now on")
        for each in found.changed
    ]
    rows += [
        (each.name, _whose(each.metric), f"the account has {each.before}") for each in found.renamed
    ]
    if rows:
        console.say()
        console.write_table(("property", "", "changes"), rows)
    if found.new_properties:
        console.say()
        console.say(f"New properties of people: {', '.join(found.new_properties[:20])}.")
    console.say()
    people = console.counted(held.sampled_people, "person", "people")
    events = "" if sees_events else " Properties of events were not: the key lacks events:read."
    console.say(f"Compared with the properties of {people} in Klaviyo.{events}")


def _whose(metric: str | None) -> str:
    return f'of "{metric}"' if metric else "of people"
