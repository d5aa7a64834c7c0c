"""`connect`: creates or updates the webhook in Segment, by its Public API."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from cli import terminal as console
from cli.options import CommandContext, asked, json_option, stack_option
from cli.troubles import Misuse, Status, Trouble

if TYPE_CHECKING:
    from cli.segment.connection import ConnectionChange, Desired, Plan
    from cli.segment.public_api import SegmentApi

EPILOG = """\b
Examples:
  klaviyo-destination connect --stack klaviyo-destination --source my-shop --dry-run
  SEGMENT_TOKEN=… klaviyo-destination connect --stack klaviyo-destination --source my-shop --yes

\b
The token is one of Segment's Public API (Settings, Access Management, Tokens), from SEGMENT_TOKEN
or a prompt. A workspace in the EU needs --region eu, or SEGMENT_REGION=eu, which doctor reads too.
What is there already is found by the webhook's URL, and changed only where it has to be: a
narrower trigger, another batch size and further headers stay.
With --json: {"dry_run", "source", "changes": [{"what", "action", "fields"}], "others", "steps"}.
others are destinations of the source that look like another stack. Exit status: 3 when Segment does
not let the mapping be changed; the steps by hand are then printed.
"""


@click.command("connect", epilog=EPILOG)
@click.option("--source", required=True, metavar="NAME", help="The source's slug, name or id.")
@click.option("--name", metavar="TEXT", help="The destination's name. [default: Klaviyo (STACK)]")
@click.option("--batch-size", type=click.IntRange(1, 4_000), help="[default: as it is, or 1000]")
@click.option("--region", type=click.Choice(("us", "eu")), help="Where the workspace is.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@stack_option
@json_option
def command(
    source: str,
    name: str | None,
    batch_size: int | None,
    region: str | None,
    dry_run: bool,
    yes: bool,
    stack_name: str | None,
    as_json: bool,
) -> int:
    """Create or update the destination and its mapping in Segment."""
    from cli.segment.connection import apply, find_source, plan

    desired = _desired(CommandContext(stack_name), name, batch_size)
    api = _api(region)
    chosen = find_source(api, source)
    try:
        made = plan(api, chosen, desired)
        if not as_json:
            _show(made)
        if made.changes and not dry_run:
            if not yes:
                _confirm(chosen["slug"])
            apply(api, made)
    except Trouble as trouble:
        if isinstance(trouble, Misuse):
            raise
        _show_steps(desired)
        raise
    _tell(made, dry_run, as_json)
    return Status.OK


def _desired(context: CommandContext, name: str | None, batch_size: int | None) -> "Desired":
    from cli.segment.connection import Desired, types_of

    if context.stack is None or not context.stack.is_deployed:
        raise Misuse("Segment reaches only what is deployed: --stack NAME")
    return Desired(
        name=name or f"Klaviyo ({context.stack.name})",
        url=context.stack.output("WebhookUrl"),
        types=types_of(context.settings),
        shared_secret=context.shared_secrets()[0],
        token=context.webhook_token(),
        batch_size=batch_size,
    )


def _api(region: str | None) -> "SegmentApi":
    import os

    from cli.segment.public_api import SegmentApi, api_url

    given = os.environ.get("SEGMENT_TOKEN", "").strip()
    token = given or asked("SEGMENT_TOKEN", "Token of Segment's Public API")
    return SegmentApi(api_url(region), token, _tell_pause)


def _tell_pause(seconds: float) -> None:
    console.note(f"Segment throttles: waiting {seconds:.0f} s …")


def _confirm(source: str) -> None:
    if not sys.stdin.isatty():
        raise Misuse("there is no terminal to ask for confirmation: give --yes")
    click.confirm(
        f"From then on Segment sends the messages of {source} to Klaviyo. Go on?",
        abort=True,
        err=True,
    )


def _show(made: "Plan") -> None:
    name = made.source.get("name") or made.source["slug"]
    console.say(f"Source {name} ({made.source['slug']}, {made.source['id']})")
    for change in made.changes:
        console.say()
        console.say(f"{change.action} the {change.what}:")
        for field, (old, new) in change.fields.items():
            before = "" if old is None else f"{_text(old)} → "
            console.say(f"  {field}: {before}{_text(new)}")
    for name in made.others:
        console.note(
            f"Warning: the source's destination {name} looks like another stack of this product. "
            "Klaviyo would get each message from both: disable one of them in Segment."
        )


def _tell(made: "Plan", dry_run: bool, as_json: bool) -> None:
    from cli.segment.connection import AFTERWARDS

    if as_json:
        console.write_json(
            {
                "dry_run": dry_run,
                "source": made.source["id"],
                "changes": [_as_json(change) for change in made.changes],
                "others": made.others,
                "steps": list(AFTERWARDS),
            }
        )
        return
    console.say()
    if made.changes and dry_run:
        console.say("Nothing was changed.")
        return
    console.say("Done." if made.changes else "Everything is as it should be.")
    for step in AFTERWARDS:
        console.say(f"- {step}")


def _as_json(change: "ConnectionChange") -> dict[str, Any]:
    fields = {name: {"before": old, "after": new} for name, (old, new) in change.fields.items()}
    return {"what": change.what, "action": change.action, "fields": fields}


def _show_steps(desired: "Desired") -> None:
    from cli.segment.connection import steps

    console.note("By hand, in Segment:")
    for number, step in enumerate(steps(desired), start=1):
        console.note(f"{number}. {step}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
