"""`secret`: sets and rotates what the stack's secret holds."""

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from cli import terminal as console
from cli.next_command import next_command
from cli.options import CommandContext, json_option, required_stack_option
from cli.troubles import Misuse, Status

if TYPE_CHECKING:
    from cli.klaviyo.account import Owner
    from cli.klaviyo.asking import Inquirer
    from cli.stack.secret import StoredSecret

EPILOG = """\b
Examples:
  klaviyo-destination secret set --stack klaviyo-destination
  klaviyo-destination secret rotate shared-secret --stack klaviyo-destination
  klaviyo-destination secret rotate shared-secret --stack klaviyo-destination --finish

\b
What is typed is not shown. KLAVIYO_PRIVATE_KEY, SEGMENT_SHARED_SECRET and WEBHOOK_TOKEN take the
place of the questions. Any character may stand in a secret.
"""

VARIABLES = {
    "klaviyo_private_key": "KLAVIYO_PRIVATE_KEY",
    "segment_shared_secret": "SEGMENT_SHARED_SECRET",
    "webhook_token": "WEBHOOK_TOKEN",
}

TITLES = {
    "klaviyo_private_key": "Klaviyo private key",
    "segment_shared_secret": "Segment shared secret",
    "webhook_token": "Webhook token",
}

FIELDS = {
    "klaviyo-key": "klaviyo_private_key",
    "shared-secret": "segment_shared_secret",
    "webhook-token": "webhook_token",
}
"""The words that `rotate` takes, each with the field of the secret that it means."""


@click.group("secret", epilog=EPILOG)
def command() -> None:
    """Set or rotate Klaviyo's key and the secrets that Segment sends."""


@command.command("set")
@required_stack_option
@click.option(
    "--webhook-token", "with_token", is_flag=True, help="Set the token of the header as well."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def set_fields(stack_name: str, with_token: bool, yes: bool, as_json: bool) -> int:
    """Store Klaviyo's private key and Segment's shared secret.

    Enter keeps what is there; where there is no shared secret or token yet, Enter makes a random
    one. Klaviyo is asked whose key it is and what it may do, before anything is written. With
    --json: {"written", "account", "lacking_scopes"}.
    """
    from cli.stack.secret import (
        KEY,
        LEDGER_KEY,
        SHARED,
        TOKEN,
        changed,
        check_key,
        made_up,
        write,
    )

    before = _held(stack_name)
    changes: dict[str, Any] = {}
    key = _new_value(before, KEY)
    if key is not None:
        changes[KEY] = check_key(key)
    made: dict[str, str] = {}
    for name in (SHARED, TOKEN) if with_token else (SHARED,):
        value = _new_value(before, name) or _first_value(before, name, made)
        if value is not None:
            _warn_of(name, value)
            changes[name] = value
    if not before.values(LEDGER_KEY):
        # Nobody has to know it, so nobody is asked: the ledger hashes with it, if it is in use.
        changes[LEDGER_KEY] = made_up()
    document = changed(before, changes)
    inquirer = _inquirer(stack_name, document[KEY])
    owner, lacking = _examined(inquirer)
    if TOKEN in changes and not before.values(TOKEN) and not yes:
        _confirm(
            "From then on requests without the header `Authorization: Bearer <token>` are refused. "
            "Does Segment send it already?"
        )
    if changes:
        write(before.arn, document)
    _tell(sorted(changes), owner, lacking, as_json)
    if not as_json and changes:
        _show_made(made, stack_name)
        console.say("The functions read it within five minutes.")
    return Status.PROBLEMS if lacking else Status.OK


@command.command("rotate")
@click.argument("what", type=click.Choice(tuple(FIELDS)))
@required_stack_option
@click.option("--finish", is_flag=True, help="Make the old value invalid.")
@click.option("--cancel", is_flag=True, help="Make the new value invalid.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def rotate(what: str, stack_name: str, finish: bool, cancel: bool, yes: bool, as_json: bool) -> int:
    """Replace a secret without losing a message.

    A shared secret or a token: both values are valid at first. Change it in Segment (`connect` does
    it), and a day later end the rotation with --finish. Klaviyo's key: the new one replaces the old
    one at once; delete that in Klaviyo ten minutes later. With --json: {"written", "account",
    "lacking_scopes"}.
    """
    from cli.stack.secret import KEY, ended, write

    name = FIELDS[what]
    if finish and cancel:
        raise Misuse("--finish or --cancel, not both")
    before = _held(stack_name)
    if name == KEY:
        if finish or cancel:
            raise Misuse("Klaviyo's key is replaced in one step: there is no rotation to end")
        return _rotate_key(stack_name, before, as_json)
    if finish or cancel:
        document = ended(before, name, cancel=cancel)
        _be_sure(before, name, cancel, yes)
        write(before.arn, document)
        _tell([name], None, (), as_json)
        return Status.OK
    return _begin(stack_name, before, name, as_json)


def _begin(stack_name: str, before: "StoredSecret", name: str, as_json: bool) -> int:
    from cli.stack.secret import begun, made_up, write

    new = _new_value(before, name, "[Enter makes one] ")
    made = {} if new else {name: made_up()}
    value = new or made[name]
    _warn_of(name, value)
    write(before.arn, begun(before, name, value))
    _tell([name], None, (), as_json)
    if not as_json:
        _show_made(made, stack_name)
        console.say("The new one and the old one are both valid. Now:")
        console.say("1. Wait five minutes: running functions keep the secret that long.")
        by_hand = HOW_IN_SEGMENT[name]
        console.say(f"2. Give Segment the new one: {_connect(stack_name)}, or {by_hand}.")
        what = next(word for word, field in FIELDS.items() if field == name)
        finish = next_command(f"secret rotate {what}", stack_name, "--finish")
        console.say(f"3. A day later: {finish}.")
    return Status.OK


HOW_IN_SEGMENT = {
    "segment_shared_secret": "the destination's settings",
    "webhook_token": "the header Authorization of the mapping",
}


def _rotate_key(stack_name: str, before: "StoredSecret", as_json: bool) -> int:
    from cli.klaviyo.account import owner_of, require_same_account
    from cli.stack.secret import KEY, changed, check_key, write
    from cli.troubles import Trouble

    new = _new_value(before, KEY, "")
    if new is None:
        raise Misuse(f"{KEY}: no new key was given")
    key = check_key(new)
    if before.values(KEY) == [key]:
        raise Misuse(f"{KEY}: the new key is the same as the old one")
    document = changed(before, {KEY: key})
    owner, lacking = _examined(_inquirer(stack_name, key))
    try:
        old_owner = owner_of(_inquirer(stack_name, before.values(KEY)[0]))
    except (Trouble, IndexError):
        old_owner = owner  # An old key that is no longer valid cannot be compared.
    try:
        require_same_account(owner, old_owner)
    except Misuse as trouble:
        raise Misuse(
            f"{trouble}. If it is meant: {next_command('secret set', stack_name)}"
        ) from None
    write(before.arn, document)
    _tell([KEY], owner, lacking, as_json)
    if not as_json:
        console.say(
            "Delete the old key in Klaviyo in ten minutes: running functions keep it for five."
        )
    return Status.PROBLEMS if lacking else Status.OK


def _be_sure(before: "StoredSecret", name: str, cancel: bool, yes: bool) -> None:
    """Ask before a value that Segment may still use stops being valid."""
    from cli.stack.secret import too_young

    if yes:
        return
    wait = too_young(before)
    if wait:
        raise Misuse(
            f"the secret was changed {before.age or 0:.0f} seconds ago, and functions keep it for "
            f"five minutes: wait {wait:.0f} seconds more, or give --yes"
        )
    which = "new" if cancel else "old"
    _confirm(
        f"{TITLES[name]}: the {which} value is then refused, and Segment discards what is refused. "
        f"Does Segment use the {'old' if cancel else 'new'} one only?"
    )


def _held(stack_name: str) -> "StoredSecret":
    from cli.stack import secret
    from cli.stack.aws import stack

    return secret.held(stack(stack_name))


def _new_value(before: "StoredSecret", name: str, hint: str | None = None) -> str | None:
    """A value from the environment or the terminal; `None` to leave the field as it is."""
    given = os.environ.get(VARIABLES[name], "")
    if given.strip():
        console.note(f"{TITLES[name]}: from {VARIABLES[name]}.")
        return given
    is_set = bool(before.values(name))
    if not sys.stdin.isatty():
        if not is_set and name == "klaviyo_private_key":
            raise Misuse(f"{VARIABLES[name]} is not set, and there is no terminal to ask for it")
        return None
    if hint is None:
        hint = "[Enter keeps the one there is] " if is_set else "[Enter makes one] "
        if name == "klaviyo_private_key" and not is_set:
            hint = ""
    text: str = click.prompt(
        f"{TITLES[name]} {hint}".rstrip(),
        default="" if hint else None,
        show_default=False,
        hide_input=True,
        err=True,
    )
    return text if text.strip() else None


def _first_value(before: "StoredSecret", name: str, made: dict[str, str]) -> str | None:
    """A random value where there is none yet; noted in `made`."""
    from cli.stack.secret import made_up

    if before.values(name):
        return None
    made[name] = made_up()
    return made[name]


def _warn_of(name: str, value: str) -> None:
    from cli.stack.secret import SHORTEST_SECRET

    if len(value.strip()) < SHORTEST_SECRET:
        console.note(
            f"{TITLES[name]}: it is short. {SHORTEST_SECRET} characters or more cannot be guessed."
        )
    if value != value.strip():
        console.note(f"{TITLES[name]}: with and without the blanks around it, it is accepted.")


def _inquirer(stack_name: str, key: str) -> "Inquirer":
    from cli.klaviyo.asking import Inquirer

    return Inquirer(CommandContext(stack_name).api_url, key, console.tell_pause)


def _examined(inquirer: "Inquirer") -> "tuple[Owner, tuple[str, ...]]":
    """Whose key it is, and the scopes that it lacks. Raises `Trouble` for one that is unknown."""
    from cli.klaviyo.account import explained, owner_of
    from cli.klaviyo.scopes import PROBES, examine
    from cli.troubles import Trouble

    owner = owner_of(inquirer)
    found = examine(inquirer, PROBES)
    if found.unanswered is not None:
        probe, reply = found.unanswered
        raise Trouble(f"{explained(reply, probe.endpoint)}; nothing was written")
    return owner, found.lacking


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise Misuse("there is no terminal to ask for confirmation: give --yes")
    click.confirm(question, abort=True, err=True)


def _tell(
    written: list[str], owner: "Owner | None", lacking: tuple[str, ...], as_json: bool
) -> None:
    if as_json:
        account = None if owner is None else str(owner)
        console.write_json(
            {"written": written, "account": account, "lacking_scopes": list(lacking)}
        )
        return
    if owner is not None:
        console.say(f"Klaviyo knows the key: {owner}.")
    if lacking:
        console.say(
            console.painted(f"The key lacks {', '.join(lacking)}.", console.BAD),
            "Make a key with every scope in docs/settings.md.",
        )
    console.say(f"Written: {', '.join(written)}." if written else "Nothing was changed.")


def _connect(stack_name: str) -> str:
    return next_command("connect", stack_name, "--source", "NAME")


def _show_made(made: dict[str, str], stack_name: str) -> None:
    """Secrets that were made up, for Segment; on a terminal only, since a log would keep them."""
    for name, value in made.items():
        if sys.stdout.isatty():
            console.say(f"{TITLES[name]}, new, for Segment: {value}")
        else:
            console.note(
                f"{TITLES[name]}: a new random one. {_connect(stack_name)} gives it to Segment."
            )
