"""`rehearse`: proves a deployment with one made-up person, against the real accounts."""

import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cli import terminal as console
from cli.next_command import next_command
from cli.options import CommandContext, json_option, stack_option
from cli.troubles import Misuse, Status, Trouble
from handler.aws.environment import is_url

if TYPE_CHECKING:
    from cli.klaviyo.account import Owner
    from cli.klaviyo.asking import Inquirer
    from cli.rehearsal.promise import Promise
    from cli.rehearsal.run import Rehearsal, RehearsalResult

EPILOG = """\b
Examples:
  klaviyo-destination rehearse --stack klaviyo-destination you+rehearsal@your-company.com
  klaviyo-destination rehearse --stack klaviyo-destination --clean-up you+rehearsal-1f9c2a@…

\b
Nobody in Klaviyo may have the address. One with a plus is best: each rehearsal adds a tag to it,
you+rehearsal-1f9c2a@, so that none is in the way of the next. A handful of messages about one
made-up person there is signed and posted to the webhook, twice. Profile, events, lists and consent
are read back and compared with what `preview` promises. Then Klaviyo is asked to delete the person,
however it ends. The metrics stay in Klaviyo: its API cannot delete the metric of an event.

\b
It needs the scopes events:read, metrics:read, profiles:read, lists:read and data-privacy:write.
If the destination's own key has fewer, put another key of the account into KLAVIYO_REHEARSAL_KEY.
With --json: {"address", "holds", "is_gone", "rows": [{"what", "promised", "actual", "holds"}]}.
Exit status: 1 if a promise was not kept, 3 if something was out of reach or the person is still
there.
"""

KEY = "KLAVIYO_REHEARSAL_KEY"

ONCE = (
    "The destination subscribes an address once in half an hour. If this one was rehearsed within "
    "that time, its consent is not as promised: wait, or name one with a plus, which is new each "
    "time."
)
"""For an address that is the same at each rehearsal."""


@click.command("rehearse", epilog=EPILOG)
@click.argument("address", metavar="ADDRESS")
@click.option("--url", help="The webhook's URL, if not the stack's.")
@click.option("--no-order", is_flag=True, help="Send no order.")
@click.option(
    "--wait",
    type=click.FloatRange(1),
    default=90.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for Klaviyo, and then for the deletion.",
)
@click.option("--clean-up", is_flag=True, help="Only delete what an earlier rehearsal left.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@stack_option
@json_option
def command(
    address: str,
    url: str | None,
    no_order: bool,
    wait: float,
    clean_up: bool,
    yes: bool,
    stack_name: str | None,
    as_json: bool,
) -> int:
    """Send a made-up person through the webhook, read it back from Klaviyo, and delete it."""
    from cli.rehearsal.messages import address_for, deletion, messages, new_run
    from cli.rehearsal.promise import promise

    if "@" not in address.strip("@"):
        raise Misuse("ADDRESS: expected an e-mail address that nobody in Klaviyo has")
    context = CommandContext(stack_name)
    run = new_run()
    if not clean_up:
        address = address_for(run, address)
    inquirer, owner = _reader(context)
    rehearsal = _rehearsal(context, inquirer, url, address, wait)
    if clean_up:
        return _clean_up(rehearsal, inquirer, address)
    now = datetime.now(UTC)
    sent = messages(run, address, context.settings, now, with_order=not no_order)
    promised = promise(sent, context.settings, now)
    for message_id, reason in promised.dropped.items():
        console.note(f"The settings drop message {message_id}: {reason}.")
    rehearsal.require_nobody()
    last = deletion(run, address, now) if context.settings.forward_deletions else None
    console.note(
        f"To {owner}: {len(sent)} messages, twice, about somebody made up with the address "
        f"{address}."
    )
    if promised.subscribes and last is None and "+" not in address:
        console.note(ONCE)
    if not yes:
        _confirm(promised)
    outcome = rehearsal.carry_out(sent, promised, last)
    if as_json:
        rows = [asdict(row) for row in outcome.rows]
        console.write_json(
            {
                "address": address,
                "holds": outcome.holds,
                "is_gone": outcome.is_gone,
                "rows": rows,
            }
        )
    else:
        _show(outcome)
    if not outcome.is_gone:
        console.note(
            "Klaviyo has accepted the deletion and still shows the person. Look again in a few "
            f"minutes: {_deletes_later(context, url, address)}"
        )
    if not outcome.holds:
        return Status.PROBLEMS
    return Status.OK if outcome.is_gone else Status.UNFINISHED


def _reader(context: CommandContext) -> "tuple[Inquirer, Owner]":
    """Klaviyo, asked with a key that may read and delete; and whose account it is.

    Raises `Trouble` before anything is sent when the key could not clean up afterwards.
    """
    from cli.klaviyo.account import explained, owner_of, require_same_account
    from cli.klaviyo.asking import Inquirer
    from cli.klaviyo.scopes import DELETION, EVENTS, METRICS, PROBES, examine

    own = os.environ.get(KEY, "").strip()
    key = own or context.private_key()
    inquirer = Inquirer(context.api_url, key, console.tell_pause)
    owner = owner_of(inquirer)
    if own:
        others = Inquirer(context.api_url, context.private_key(), console.tell_pause)
        require_same_account(owner, owner_of(others))
    reading = [probe for probe in PROBES if probe.scope.endswith(":read")]
    found = examine(inquirer, (*reading, EVENTS, METRICS, DELETION))
    if found.lacking:
        raise Trouble(
            f"nothing was sent: the key lacks {', '.join(found.lacking)}. Put a key of the account "
            f"that has it into {KEY}"
        )
    if found.unanswered is not None:
        probe, reply = found.unanswered
        raise Trouble(explained(reply, probe.endpoint))
    return inquirer, owner


def _rehearsal(
    context: CommandContext, inquirer: "Inquirer", url: str | None, address: str, wait: float
) -> "Rehearsal":
    from cli.klaviyo.account import KlaviyoAccount
    from cli.rehearsal.reality import Witness
    from cli.rehearsal.run import Rehearsal
    from cli.segment.webhook import Webhook

    deletes_later = _deletes_later(context, url, address)
    if url is None:
        if context.stack is None:
            raise Misuse("name the webhook: --stack NAME, or --url URL")
        url = context.stack.output("WebhookUrl")
    elif not is_url(url):
        raise Misuse("--url: expected a valid URL that begins with https:// or http://")
    webhook = Webhook(url, context.shared_secrets()[0], context.webhook_token())
    witness = Witness(KlaviyoAccount(inquirer), address)
    return Rehearsal(webhook, witness, wait, console.note, deletes_later)


def _deletes_later(context: CommandContext, url: str | None, address: str) -> str:
    aimed_at = () if url is None else ("--url", url)
    return next_command("rehearse", context.stack_name, "--clean-up", *aimed_at, address)


def _clean_up(rehearsal: "Rehearsal", inquirer: "Inquirer", address: str) -> int:
    from cli.klaviyo.account import KlaviyoAccount
    from cli.rehearsal.reality import Witness
    from cli.rehearsal.run import is_made_up

    person = Witness(KlaviyoAccount(inquirer), address).person()
    if person is not None and not is_made_up(person):
        raise Misuse("no rehearsal created this person: nobody was deleted")
    is_gone = rehearsal.clean_up()
    console.say("Nobody in Klaviyo has the address." if is_gone else "The person is still there.")
    return Status.OK if is_gone else Status.UNFINISHED


def _confirm(promised: "Promise") -> None:
    metrics = ", ".join(promised.metrics)
    console.note(f"Flows that begin with {metrics} run for this person, and may send mail there.")
    if promised.subscribes:
        console.note("Klaviyo may send the address a question to confirm the subscription.")
    if not sys.stdin.isatty():
        raise Misuse("there is no terminal to ask for confirmation: give --yes")
    click.confirm("Go on?", abort=True, err=True)


def _show(outcome: "RehearsalResult") -> None:
    console.write_table(
        ("", "what", "promised", "in Klaviyo"),
        (
            (
                console.painted(*(("✓", console.GOOD) if row.holds else ("✗", console.BAD))),
                row.what,
                row.promised,
                row.actual,
            )
            for row in outcome.rows
        ),
    )
    console.say()
    broken = sum(not row.holds for row in outcome.rows)
    kept = "Every promise was kept." if not broken else (
        f"{broken} of {console.counted(len(outcome.rows), 'promise')} were not kept."
    )  # fmt: skip
    gone = " The person is deleted." if outcome.is_gone else ""
    console.say(f"{kept}{gone}")
