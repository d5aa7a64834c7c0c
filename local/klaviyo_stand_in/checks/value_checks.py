"""Klaviyo's rules for values beyond their types: one function for each rule.

Limits: https://developers.klaviyo.com/en/reference/events_api_overview#limitations and the OpenAPI
document's prose. 1 KB is 1,000 bytes here.
"""

import json
import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from local.klaviyo_stand_in.protocol.exchange import Json
from local.klaviyo_stand_in.protocol.findings import Findings, Rule
from local.klaviyo_stand_in.records import phones, times
from local.klaviyo_stand_in.records.consents import CONSENT_KINDS, UNDATED_KINDS

MAX_PROFILE_BYTES = 100_000
MAX_EVENT_PROFILE_BYTES = 95_000
MAX_STRING_BYTES = 100_000
MAX_EVENT_PROPERTIES = 400
MAX_ARRAY_ITEMS = 4_000
MAX_LEVELS = 10
MAX_EMAIL_LENGTH = 100
MAX_UNIQUE_ID_LENGTH = 255
MAX_METRIC_NAME_LENGTH = 127
FIRST_YEAR = 1990
FUTURE = timedelta(days=365)

PROFILE_IDENTIFIERS = ("email", "phone_number", "external_id", "_kx")
EVENT_IDENTIFIERS = (*PROFILE_IDENTIFIERS, "anonymous_id")

CHANNEL_IDENTIFIERS = {"email": "email", "sms": "phone_number", "whatsapp": "phone_number"}
"""The identifier that a channel needs. Push goes to devices."""

# The addresses that Django takes, which Klaviyo is written in, without quoted local parts.
_ATOM = r"[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:\w(?:[\w-]{{0,61}}\w)?\.)+(?=\D)\w[\w-]{{0,61}}\w")
_CURRENCY = re.compile(r"[A-Z]{3}")


def email(value: str, pointer: str, findings: Findings) -> None:
    """An address of at most 100 characters."""
    if len(value) > MAX_EMAIL_LENGTH or not _EMAIL.fullmatch(value):
        findings.add(pointer, "Invalid email address")


def secondary_addresses(patch: dict[str, Any], pointer: str, findings: Findings) -> None:
    """Addresses to add or remove, one or a list, under `email` and nothing else."""
    for name, identifiers in patch.items():
        for identifier, addresses in identifiers.items():
            place = f"{pointer}/{name}/{identifier}"
            if identifier != "email":
                findings.add(place, "Only 'email' is supported.")
                continue
            for address in addresses if isinstance(addresses, list) else [addresses]:
                if isinstance(address, str):
                    email(address, place, findings)
                else:
                    findings.add(place, "Not a valid string.")


def phone_number(value: str, pointer: str, findings: Findings) -> None:
    """E.164; the number exists, in a country that the account may text."""
    detail = phones.refusal(value, findings.facts.policy)
    if detail is not None:
        findings.add(pointer, detail)


def phone_format(value: str, pointer: str, findings: Findings) -> None:
    """E.164 only. Whether the number is valid, an import job says later."""
    if not phones.E164.fullmatch(value):
        findings.add(pointer, phones.NOT_E164)


def not_blank(value: str, pointer: str, findings: Findings) -> None:
    """Some text that is not all white space."""
    if not value.strip():
        findings.add(pointer, "This field may not be blank.")


def between(least: int, most: int) -> Rule:
    """An array with a number of items in this range."""

    def rule(value: list[Json], pointer: str, findings: Findings) -> None:
        if not least <= len(value) <= most:
            findings.add(pointer, f"Between {least} and {most} items are allowed.")

    return rule


def at_least_one(names: Iterable[str]) -> Rule:
    """A profile with its id or one of these identifiers."""
    identifiers = tuple(names)

    def rule(profile: dict[str, Any], pointer: str, findings: Findings) -> None:
        attributes = profile["attributes"]
        if not profile.get("id") and not any(attributes.get(name) for name in identifiers):
            findings.add(f"{pointer}/attributes", "At least one identifier is required.")

    return rule


def exactly_one(profile: dict[str, Any], pointer: str, findings: Findings) -> None:
    """A profile with one of id, email and phone_number (request_profile_deletion)."""
    attributes = profile["attributes"]
    given = [profile.get("id"), attributes.get("email"), attributes.get("phone_number")]
    if sum(bool(identifier) for identifier in given) != 1:
        findings.add(pointer, "Exactly one of id, email and phone_number is required.")


def one_source(merge: dict[str, Any], pointer: str, findings: Findings) -> None:
    """A merge takes one source profile."""
    if len(merge["relationships"]["profiles"].get("data", ())) != 1:
        findings.add(f"{pointer}/relationships/profiles/data", "Exactly one profile is required.")


def phone_not_alone(profile: dict[str, Any], pointer: str, findings: Findings) -> None:
    """While SMS is not set up, a phone number needs another identifier beside it."""
    attributes = profile["attributes"]
    others = (profile.get("id"), *(attributes.get(name) for name in EVENT_IDENTIFIERS))
    alone = attributes.get("phone_number") and sum(bool(other) for other in others) == 1
    if alone and findings.facts.policy.sms_regions == frozenset():
        findings.add(
            f"{pointer}/attributes/phone_number",
            "A phone number alone requires SMS to be set up for this account.",
        )


def no_larger(most: int) -> Rule:
    """At most so many bytes as JSON."""

    def rule(value: Json, pointer: str, findings: Findings) -> None:
        if _bytes(json.dumps(value, ensure_ascii=False, separators=(",", ":"))) > most:
            findings.add(pointer, f"The payload exceeds {most} bytes.")

    return rule


def metric_name(value: str, pointer: str, findings: Findings) -> None:
    """1 to 127 characters."""
    if not value.strip() or len(value) > MAX_METRIC_NAME_LENGTH:
        findings.add(pointer, "A metric name must have 1 to 127 characters.")


def unique_id(value: str, pointer: str, findings: Findings) -> None:
    """1 to 255 characters."""
    if not 1 <= len(value) <= MAX_UNIQUE_ID_LENGTH:
        findings.add(pointer, "A unique_id must have 1 to 255 characters.")


def value_currency(value: str, pointer: str, findings: Findings) -> None:
    """Three letters (ISO 4217)."""
    if not _CURRENCY.fullmatch(value):
        findings.add(pointer, "Not a valid ISO 4217 currency code.")


def event_time(value: str, pointer: str, findings: Findings) -> None:
    """Between 1990 and a year ahead."""
    time = times.parse(value)
    if time is None:
        findings.add(pointer, "Not a valid datetime.")
    elif time.year < FIRST_YEAR or time > findings.facts.now + FUTURE:
        findings.add(pointer, "The time must be after 1990 and at most 1 year in the future.")


def consented_at(value: str, pointer: str, findings: Findings) -> None:
    """In the past, and only in a historical import."""
    time = times.parse(value)
    if not findings.facts.historical_import:
        findings.add(pointer, "'consented_at' requires 'historical_import' to be true.")
    elif time is None:
        findings.add(pointer, "Not a valid datetime.")
    elif time >= findings.facts.now:
        findings.add(pointer, "'consented_at' must be in the past.")


def day(value: str, pointer: str, findings: Findings) -> None:
    """A date, YYYY-MM-DD."""
    try:
        valid = date.fromisoformat(value).isoformat() == value
    except ValueError:
        valid = False
    if not valid:
        findings.add(pointer, "Not a valid date.")


def event_properties(value: dict[str, Any], pointer: str, findings: Findings) -> None:
    """At most 400 properties of limited size and depth."""
    if len(value) > MAX_EVENT_PROPERTIES:
        findings.add(pointer, "At most 400 properties are allowed.")
    _measure(value.items(), pointer, 1, findings)


def _measure(
    entries: Iterable[tuple[str | int, Json]], pointer: str, level: int, findings: Findings
) -> None:
    for key, entry in entries:
        if isinstance(entry, str):
            if _bytes(entry) > MAX_STRING_BYTES:
                findings.add(f"{pointer}/{key}", "A string may not exceed 100 KB.")
        elif isinstance(entry, dict | list):
            if isinstance(entry, list) and len(entry) > MAX_ARRAY_ITEMS:
                findings.add(f"{pointer}/{key}", "An array may not exceed 4000 items.")
            elif level == MAX_LEVELS:
                findings.add(f"{pointer}/{key}", "At most 10 levels of nesting are allowed.")
            else:
                inner = entry.items() if isinstance(entry, dict) else enumerate(entry)
                _measure(inner, f"{pointer}/{key}", level + 1, findings)
        elif isinstance(entry, int) and not -(2**63) <= entry < 2**63:
            findings.add(f"{pointer}/{key}", "An integer may not exceed 64 bits.")


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def not_repeated(entry: dict[str, Any], pointer: str, findings: Findings) -> None:
    """In one bulk request, a unique_id appears once for each profile and metric."""
    attributes = entry["attributes"]
    profile = attributes["profile"]["data"]
    known = profile["attributes"]
    identifiers = [(name, known[name]) for name in EVENT_IDENTIFIERS if known.get(name)]
    if profile.get("id"):
        identifiers.append(("id", profile["id"]))
    for position, event in enumerate(attributes["events"]["data"]):
        recorded = event["attributes"]
        unique = recorded.get("unique_id")
        if unique is None:
            continue
        metric = recorded["metric"]["data"]["attributes"]["name"]
        keys = {(identifier, metric, unique) for identifier in identifiers}
        if not keys.isdisjoint(findings.seen):
            findings.add(
                f"{pointer}/attributes/events/data/{position}/attributes/unique_id",
                "The unique_id is repeated for the same profile and metric.",
            )
        findings.seen |= keys


def some_events(most: int) -> Rule:
    """At least one profile and at most so many events over all profiles of a bulk request."""

    def rule(entries: list[Json], pointer: str, findings: Findings) -> None:
        total = 0
        for entry in entries:
            try:
                total += len(entry["attributes"]["events"]["data"])
            except (KeyError, TypeError):
                total += 1
        if not entries or total > most:
            findings.add(pointer, f"Between 1 and {most} items are allowed.")

    return rule


def consents(profile: dict[str, Any], pointer: str, findings: Findings) -> None:
    """Each channel has its identifier; a historical import says when each consent was given."""
    attributes = profile["attributes"]
    if (
        findings.facts.policy.age_gate
        and attributes["subscriptions"].get("sms") is not None
        and not attributes.get("age_gated_date_of_birth")
    ):
        findings.add(
            f"{pointer}/attributes/age_gated_date_of_birth",
            "A date of birth is required to subscribe to SMS.",
        )
    given = 0
    for channel, kinds in attributes["subscriptions"].items():
        if kinds is None:
            continue
        needed = CHANNEL_IDENTIFIERS.get(channel)
        if needed and not attributes.get(needed) and not profile.get("id"):
            findings.add(
                f"{pointer}/attributes/{needed}", f"'{needed}' is required for channel '{channel}'."
            )
        for kind in CONSENT_KINDS:
            consent = kinds.get(kind)
            if consent is None:
                continue
            given += 1
            if (
                findings.facts.historical_import
                and kind not in UNDATED_KINDS
                and not consent.get("consented_at")
            ):
                findings.add(
                    f"{pointer}/attributes/subscriptions/{channel}/{kind}/consented_at",
                    "'consented_at' is required for a historical import.",
                )
    if not given:
        findings.add(f"{pointer}/attributes/subscriptions", "At least one consent is required.")


def one_item(value: dict[str, Any], pointer: str, findings: Findings) -> None:
    """Count the item, and refuse it if the weather says so."""
    findings.items += 1
    facts = findings.facts
    if facts.refuses is not None and facts.refuses(value.get("attributes", {})):
        if facts.refusal == "whole":
            findings.is_poisoned = True
            return
        findings.add(
            f"{pointer}/attributes" if facts.refusal == "pointer" else None, "Invalid input."
        )
