"""`backfill`: loads an archive by the same mapping, in bulk requests; safe to interrupt."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import terminal as console
from cli.backfill.reporting import document_of, progress_shown, report, standing, write_counts
from cli.next_command import next_command
from cli.options import (
    CommandContext,
    json_option,
    setting_options,
    settings_of,
    stack_option,
)
from cli.troubles import Misuse, Status, Trouble
from handler.aws.environment import rules_text
from klaviyo_mapping.segment.keys import normalise
from klaviyo_mapping.segment.message import FORWARDABLE

if TYPE_CHECKING:
    from cli.archive import ArchiveFile
    from cli.backfill.run import Run
    from cli.backfill.state_file import Counts, StateFile
    from cli.backfill.translation import Selection, Translator

STEADY = 150
"""Bulk requests that Klaviyo accepts in a minute. All keys of an account share this limit."""

EPILOG = """\b
Examples:
  klaviyo-destination backfill --dry-run 2026-11-01.gz
  klaviyo-destination backfill --stack klaviyo-destination s3://archive/segment-logs/q7Bx/
  klaviyo-destination backfill --from 2026-01-01 --to 2026-02-01 --share 50 archive/
  klaviyo-destination backfill --stack klaviyo-destination --event "Order Completed" archive/

\b
It is safe to interrupt, kill and repeat: the same command continues where it stopped. Every event
keeps its id, so Klaviyo records it once. Profiles are updated in the order of the archive: files in
the order given, those of a folder or prefix by name, without those that hold no JSON. Lists
change only with --with-lists, and consent only with --with-consent: either can send mail to
everybody in the archive, and undo what people have chosen since. Nobody is deleted or merged. The
rejects file keeps what Klaviyo refuses, with its reason.

\b
With --json: {"finished", "messages", "mapped", "left_out": {reason: n}, "steps_left_out": {…},
"rejected": {code: n}, "delivered": {kind: n}, "waiting", "requests", "seconds", "skipped": [file],
"state", "rejects"}. Left-out messages have the mapping's reason, or not_only, other_event,
before_since, after_until; left-out steps have list_step, consent, deletion, merge or import_check.
Exit status: 0 all delivered, 1 something was rejected, 3 not finished (run it again).
"""


def _time(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        form = "a date or time such as 2026-01-31 or 2026-01-31T12:00Z"
        raise click.BadParameter(f"expected {form}") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


TYPES = ("identify", "track", *FORWARDABLE)
"""The types of messages that may be brought in; some of them where the settings name them."""


def _types(_context: click.Context, _parameter: click.Parameter, text: str) -> frozenset[str]:
    named = frozenset(part.strip() for part in text.split(",") if part.strip())
    unknown = sorted(named.difference(TYPES))
    if unknown:
        raise click.BadParameter(f"{unknown[0]}: expected some of {', '.join(TYPES)}")
    return named


@click.command("backfill", epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE|FOLDER|s3://BUCKET/PREFIX...")
@click.option(
    "--from",
    "--since",
    "since",
    callback=_time,
    metavar="TIME",
    help="Messages of this time and later.",
)
@click.option(
    "--to", "--until", "until", callback=_time, metavar="TIME", help="Messages before this time."
)
@click.option(
    "--event",
    "events",
    multiple=True,
    metavar="NAME",
    help="Only tracks of this event, in any spelling. Repeatable.",
)
@click.option("--only", callback=_types, default="", metavar="TYPES", help=f"{', '.join(TYPES)}.")
@click.option("--with-lists", is_flag=True, help="Join and leave lists too; may send mail.")
@click.option(
    "--with-consent",
    is_flag=True,
    help="Give and withdraw consent too (CONSENT_EVENTS); may send mail.",
)
@click.option(
    "--share",
    type=click.IntRange(1, 100),
    default=100,
    show_default=True,
    help="Percentage of Klaviyo's bulk limit to use; the rest is for live traffic.",
)
@click.option("--dry-run", is_flag=True, help="Read and map everything; send nothing.")
@click.option(
    "--state",
    "state_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file for the progress. [default: backfill-….state, by the files' names]",
)
@click.option(
    "--rejects",
    "rejects_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file for the rejects. [default: like the state file, .rejects.jsonl]",
)
@click.option("--restart", is_flag=True, help="Discard the progress and start from the beginning.")
@click.option(
    "--give-up-after",
    type=click.FloatRange(0.01),
    default=15.0,
    show_default=True,
    metavar="MINUTES",
    help="Stop when Klaviyo has accepted nothing for this long.",
)
@stack_option
@setting_options
@json_option
def command(
    files: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    events: tuple[str, ...],
    only: frozenset[str],
    with_lists: bool,
    with_consent: bool,
    share: int,
    dry_run: bool,
    state_path: Path | None,
    rejects_path: Path | None,
    restart: bool,
    give_up_after: float,
    stack_name: str | None,
    env_file: Path | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Bring an archive's messages into Klaviyo, without setting off flows.

    Takes JSON Lines, JSON and gzip of either, as Segment's archives in S3 are, and the files of
    `dlq export`.
    """
    from cli.archive import REJECTS, expand
    from cli.backfill.translation import Selection, Translator

    context = CommandContext(stack_name, env_file, settings_of(options))
    if since is not None and until is not None and since >= until:
        raise Misuse("--from must come before --to")
    selection = Selection(
        since, until, only, with_lists, with_consent, frozenset(map(normalise, events))
    )
    settings = context.settings
    sources = expand(files)
    _refuse_twice(sources)
    translator = Translator(selection, settings, datetime.now(UTC))
    if dry_run:
        return _rehearse(sources, translator, as_json)
    path = state_path or Path(f"backfill-{_digest(sorted(files))[:8]}.state")
    rejects_path = rejects_path or path.with_name(f"{path.stem}{REJECTS}")
    began_with = {
        "files": _digest([(each.name, each.size, each.version) for each in sources]),
        "settings": asdict(replace(settings, rules=None))
        | {"rules": _digest(rules_text(context.variables))},
        "selection": _selection(selection),
        "Klaviyo": context.api_url,
    }
    with _state(path, began_with, restart) as state:
        if restart:
            rejects_path.unlink(missing_ok=True)
        if state.fact("is_done"):
            console.note("This backfill is complete. To do it again: --restart")
            return report(_counts(state), state, rejects_path, as_json)
        return _carry_out(
            sources, translator, state, rejects_path, context, share, give_up_after, as_json
        )


def _refuse_twice(sources: "Sequence[ArchiveFile]") -> None:
    """Raise `Misuse` for a file that would be read twice: every count would be wrong."""
    from cli.archive import S3

    seen: set[str] = set()
    for each in sources:
        place = each.name
        if not place.startswith(S3):
            place = os.path.abspath(place)  # noqa: PTH100 - a link may stand beside its file
        if place in seen:
            raise Misuse(f"{each.name} is named twice, by itself or by its folder: name it once")
        seen.add(place)


def _selection(selection: "Selection") -> dict[str, Any]:
    return {
        "since": selection.since and selection.since.isoformat(),
        "until": selection.until and selection.until.isoformat(),
        "only": sorted(selection.only),
        "with_lists": selection.with_lists,
        "with_consent": selection.with_consent,
        # A state of a release without it has none.
        **({"events": sorted(selection.events)} if selection.events else {}),
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


@contextmanager
def _state(path: Path, began_with: Mapping[str, Any], restart: bool) -> "Iterator[StateFile]":
    """The state, if it is of this very backfill. Raises `Misuse` when it is not."""
    from cli.backfill.state_file import StateFile

    if restart:
        for each in (path, path.with_name(path.name + "-journal")):
            each.unlink(missing_ok=True)
    try:
        state = StateFile(path)
    except OSError as error:
        raise Trouble(
            f"{path}: cannot be written ({error.strerror}): name another with --state"
        ) from None
    try:
        began_with = json.loads(json.dumps(began_with))  # as it is kept: a tuple is a list there
        before = state.fact("began_with")
        if before is None:
            state.commit(lambda: state.facts(began_with=began_with))
        else:
            changed = [name for name in began_with if before.get(name) != began_with[name]]
            if changed:
                raise Misuse(
                    f"{path} is of a backfill with other {' and '.join(changed)}: use the same, "
                    "or --restart to start again, or another --state"
                )
        yield state
    finally:
        state.close()


def _carry_out(
    sources: Sequence["ArchiveFile"],
    translator: "Translator",
    state: "StateFile",
    rejects_path: Path,
    context: CommandContext,
    share: int,
    give_up_after: float,
    as_json: bool,
) -> int:
    from cli.backfill.rejects import Rejects
    from cli.backfill.run import PATIENCE_SECONDS, NotTaken, Run
    from klaviyo_client.delivery import Klaviyo

    key = context.private_key()
    before = _counts(state)
    if before.messages:
        console.note(f"Continuing after {standing(before, state)}.")
    with progress_shown(sources, before) as show:
        run = Run(
            sources,
            translator,
            state,
            Rejects(rejects_path, state.fact("rejects_bytes") or 0),
            Klaviyo(context.api_url, patience=PATIENCE_SECONDS),
            key,
            requests_a_minute=STEADY * share / 100,
            give_up_seconds=give_up_after * 60,
            show=show,
        )
        trouble = _through(run)
    if isinstance(trouble, KeyboardInterrupt):
        done = standing(_counts(state), state)
        console.complain(f"interrupted after {done}. Run the same command to continue")
        return Status.INTERRUPTED
    status = report(_counts(state), state, rejects_path, as_json)
    if trouble is not None:
        console.complain(str(trouble))
        if isinstance(trouble, NotTaken):
            console.note(f"{next_command('doctor', context.stack_name)} looks at the key.")
        return Status.UNFINISHED
    return status


def _through(run: "Run") -> Trouble | KeyboardInterrupt | None:
    """Run it. The result is what stopped it, or `None`."""
    try:
        run.carry_out()
    except (Trouble, KeyboardInterrupt) as stopped:
        return stopped
    except sqlite3.OperationalError as error:
        return Trouble(
            f"the state file cannot be written ({error}): free some space and run it again"
        )
    return None


def _counts(state: "StateFile") -> "Counts":
    from cli.backfill.state_file import Counts

    return Counts.from_json(state.fact("counts") or {})


def _rehearse(sources: Sequence["ArchiveFile"], translator: "Translator", as_json: bool) -> int:
    """Read and map everything, and report what would be sent."""
    from cli.backfill.archive_reading import EVENTS_A_ROUND, ArchiveReading, add_counts
    from cli.backfill.state_file import Counts, Position
    from operations import kind_of

    counts = Counts()
    reading = ArchiveReading(sources, translator, Position())
    with progress_shown(sources, counts) as show:
        from cli.backfill.run import BackfillProgress

        try:
            while True:
                chunk = reading.chunk(EVENTS_A_ROUND)
                add_counts(counts, chunk.counts)
                counts.delivered.update(
                    kind_of(entry.operation) for entry in (*chunk.events, *chunk.profiles)
                )
                show(BackfillProgress(counts))
                if chunk.is_last:
                    break
        finally:
            reading.close()
    rejected = sum(counts.rejected.values())
    document = {"finished": False, "dry_run": True, **document_of(counts), "waiting": 0}
    document["would_deliver"] = document.pop("delivered")
    if as_json:
        console.write_json(document)
    else:
        write_counts(counts, "would be delivered")
        events = counts.delivered["create_event"]
        minutes = -(-events // 1000) / STEADY
        said = f"about {minutes:,.1f} minutes" if minutes > 1 else "less than a minute"
        console.say(f"At Klaviyo's limits its events take {said}.")
    return Status.PROBLEMS if rejected else Status.OK
