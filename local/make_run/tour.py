"""Sends the samples one by one, simulates an outage of Klaviyo, and shows the results."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import preview
from cli.visible import visible
from handler.aws.environment import read_settings
from local.klaviyo_stand_in import Account, Weather
from local.klaviyo_stand_in.records.profiles import Profile
from local.make_run.configuration import Configuration
from local.make_run.deployment import Deployment
from local.samples import (
    EXPECTED,
    OUTAGE,
    SAMPLES,
    DeadLetter,
    Fact,
    Sample,
    dead_letters_of,
    found,
    load,
    outcome_of,
    send,
)
from local.samples.sign import body_of, signed_with
from local.screen import DIM, GREEN, RED, Screen, counted
from preview import Offer

RETRY_SECONDS = 15.0
"""How long a retry may take. The first comes after at most five seconds."""

LOOK_SECONDS = 0.1

OPT_IN = {"double_opt_in": "double opt-in", "single_opt_in": "single opt-in"}


def show(configuration: Configuration, deployment: Deployment, screen: Screen) -> bool:
    """Send everything and show the results; true if they are as expected."""
    screen.heading("Samples   signed events of events/, sent to the webhook as Segment does")
    is_judged = configuration.is_judged
    # Every one is sent, whatever became of the one before.
    as_expected = [_send(sample, deployment, screen, is_judged) for sample in SAMPLES]
    account = deployment.account
    if account is not None:
        as_expected.append(_show_outage(account, deployment, screen, is_judged))
    dead_letters = dead_letters_of(deployment.dead_letters())
    if account is not None:
        _show_account(account, screen)
    _show_queues(deployment, dead_letters, screen)
    if account is not None and is_judged:
        as_expected.append(_judge(found(account, dead_letters), screen))
    return all(as_expected)


def _send(sample: Sample, deployment: Deployment, screen: Screen, is_judged: bool) -> bool:
    began = time.monotonic()
    status, answer = send(
        signed_with(load(sample), deployment.shared_secret), deployment.webhook_url
    )
    spent = round((time.monotonic() - began) * 1000)
    outcome = outcome_of(answer)
    as_expected = status == sample.status and (outcome == sample.outcome or not is_judged)
    if not as_expected and answer.get("queued") and sample is not OUTAGE:
        # A part of a busy machine can be late. What comes of it is judged in the end.
        later = _until(lambda: deployment.waiting().total == 0)
        as_expected = later is not None
        outcome += f", tried again within {RETRY_SECONDS if later is None else later:.1f} s"
    files, shown = (max(map(len, column)) for column in zip(*map(_texts, SAMPLES), strict=True))
    screen.line(
        f"  {screen.mark(as_expected if is_judged else None)} {sample.file:{files}}"
        f"  {sample.shows:{shown}}  {spent:4} ms  {status}  {outcome}"
    )
    if not as_expected:
        screen.line(screen.paint(RED, f"    expected {sample.status}  {sample.outcome}"))
    for offer in _offers(sample) if status == 200 else ():
        screen.line(screen.paint(DIM, f"      {visible(offer.text)}"))
    return as_expected


MOST_OFFERS = 2
"""The most offers for one sample."""


def _offers(sample: Sample) -> list[Offer]:
    """What other settings would change about this sample in particular."""
    settings, now = read_settings(os.environ), datetime.now(UTC)
    found = {
        offer.variable: offer
        for raw in preview.read(body_of(load(sample)).decode())
        for offer in preview.offers(raw, settings, now)
        if offer.is_special
    }
    return list(found.values())[:MOST_OFFERS]


def _texts(sample: Sample) -> tuple[str, str]:
    return sample.file, sample.shows


def _show_outage(account: Account, deployment: Deployment, screen: Screen, is_judged: bool) -> bool:
    screen.heading("An outage   Klaviyo answers 503 for a moment")
    account.set_weather(Weather(down=True))
    queued = _send(OUTAGE, deployment, screen, is_judged)
    account.set_weather()
    if not queued:
        return False
    if not is_judged and deployment.waiting().total == 0:
        return True  # the settings have it dropped
    recorded = account.events_recorded
    later = _until(lambda: account.events_recorded > recorded and deployment.waiting().total == 0)
    became = (
        f"the event has not arrived within {RETRY_SECONDS:.0f} s"
        if later is None
        else f"the retry function has delivered the event {later:.1f} s later"
    )
    screen.line(f"  {screen.mark(later is not None)} Klaviyo is back; {became}")
    return later is not None


def _until(is_over: Callable[[], bool]) -> float | None:
    """After how many seconds it was over; `None` if it was not within `RETRY_SECONDS`."""
    began = time.monotonic()
    while (spent := time.monotonic() - began) < RETRY_SECONDS:
        if is_over():
            return spent
        time.sleep(LOOK_SECONDS)
    return None


def _show_account(account: Account, screen: Screen) -> None:
    screen.heading("What Klaviyo holds")
    profiles = list(account.profiles)
    screen.line(f"  {counted(len(profiles), 'profile', 'profiles')}")
    screen.table(("", *_profile_row(account, profile)) for profile in profiles)
    addresses = {profile.id: profile.email or profile.id for profile in profiles}
    events = account.events
    screen.line(f"\n  {counted(len(events), 'event', 'events')}")
    screen.table(
        (
            "",
            event.metric,
            addresses.get(event.profile_id, "(deleted)"),
            event.unique_id,
            "" if event.value is None else f"{event.value:g} {event.value_currency or ''}".strip(),
        )
        for event in events
    )
    lists = account.lists.values()
    screen.line(f"\n  {counted(len(lists), 'list', 'lists')}")
    screen.table(
        (
            "",
            each.name,
            each.id,
            OPT_IN[each.opt_in_process],
            f"{len(each.members)} on it, {len(each.pending)} asked to confirm",
        )
        for each in lists
    )


def _profile_row(account: Account, profile: Profile) -> tuple[str, ...]:
    names = (profile.attributes.get("first_name"), profile.attributes.get("last_name"))
    on = [each.name for each in account.lists.values() if profile.id in each.members]
    asked = [each.name for each in account.lists.values() if profile.id in each.pending]
    return (
        profile.email or "",
        " ".join(str(name) for name in names if name),
        counted(len(profile.properties), "property", "properties"),
        ", ".join((*on, *(f"{name} (asked to confirm)" for name in asked))),
    )


def _show_queues(
    deployment: Deployment, dead_letters: Iterable[DeadLetter], screen: Screen
) -> None:
    screen.heading("What waits")
    letters = list(dead_letters)
    screen.table(
        [
            ("retry queue", counted(deployment.waiting().total, "message", "messages")),
            ("dead-letter queue", counted(len(letters), "entry", "entries")),
        ]
    )
    if letters:
        screen.table(("", each.message_id or "–", each.code, each.detail) for each in letters)


def _judge(facts: Counter[Fact], screen: Screen) -> bool:
    if facts == EXPECTED:
        screen.line(f"\n{screen.paint(GREEN, 'Everything arrived as it should.')}")
        return True
    screen.line(f"\n{screen.paint(RED, 'Not everything is as it should be:')}")
    missing = [("missing", *fact) for fact in EXPECTED - facts]
    unexpected = [("unexpected", *fact) for fact in facts - EXPECTED]
    screen.table([*missing, *unexpected])
    return False
