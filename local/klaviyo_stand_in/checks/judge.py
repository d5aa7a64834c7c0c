"""Validates request bodies: JSON, the documented structure, Klaviyo's further rules."""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from local.klaviyo_stand_in.checks import value_checks
from local.klaviyo_stand_in.checks.schema import compile_schema
from local.klaviyo_stand_in.protocol.exchange import Json
from local.klaviyo_stand_in.protocol.findings import CheckContext, Findings, Rule
from local.klaviyo_stand_in.protocol.openapi import BODIES, DEFINITIONS
from local.klaviyo_stand_in.protocol.problems import Problem, Refusal

Table = dict[str, Sequence[Rule]]

EVENTS = "/data/attributes/events-bulk-create/data"
PROFILES = "/data/attributes/profiles/data"


def _profile(place: str, *whole: Rule, phone: Rule = value_checks.phone_number) -> Table:
    return {
        f"{place}/attributes/email": (value_checks.email,),
        f"{place}/attributes/phone_number": (phone,),
        place: whole,
    }


def _patched(meta: str) -> Table:
    return {f"{meta}/patch_identifiers": (value_checks.secondary_addresses,)}


def _event(place: str, *whole: Rule) -> Table:
    attributes = f"{place}/attributes"
    return {
        f"{attributes}/metric/data/attributes/name": (value_checks.metric_name,),
        f"{attributes}/properties": (value_checks.event_properties,),
        f"{attributes}/time": (value_checks.event_time,),
        f"{attributes}/unique_id": (value_checks.unique_id,),
        f"{attributes}/value_currency": (value_checks.value_currency,),
        place: whole,
    }


def _consented(channels: str) -> Table:
    kinds = ("email/marketing", "sms/marketing", "sms/transactional", "push/marketing")
    more = ("whatsapp/marketing", "whatsapp/transactional")
    return {
        f"{channels}/{kind}/consented_at": (value_checks.consented_at,) for kind in (*kinds, *more)
    }


_identified = value_checks.at_least_one(value_checks.PROFILE_IDENTIFIERS)
_subscribable = value_checks.at_least_one(("email", "phone_number"))
_event_profile: tuple[Rule, ...] = (
    value_checks.at_least_one(value_checks.EVENT_IDENTIFIERS),
    value_checks.phone_not_alone,
    value_checks.no_larger(value_checks.MAX_EVENT_PROFILE_BYTES),
)

RULES: dict[str, Table] = {
    "create_event": {
        **_profile("/data/attributes/profile/data", *_event_profile),
        **_patched("/data/attributes/profile/data/meta"),
        **_event("/data", value_checks.one_item),
    },
    "bulk_create_events": {
        EVENTS: (value_checks.some_events(1000),),
        f"{EVENTS}/*": (value_checks.not_repeated,),
        f"{EVENTS}/*/attributes/events/data": (value_checks.between(1, 1000),),
        **_profile(f"{EVENTS}/*/attributes/profile/data", *_event_profile),
        **_patched(f"{EVENTS}/*/attributes/profile/data/meta"),
        **_event(f"{EVENTS}/*/attributes/events/data/*", value_checks.one_item),
    },
    "create_or_update_profile": {
        **_profile("/data", _identified, value_checks.phone_not_alone, value_checks.one_item),
        **_patched("/data/meta"),
    },
    "bulk_import_profiles": {
        PROFILES: (value_checks.between(1, 10_000),),
        **_profile(
            f"{PROFILES}/*",
            _identified,
            value_checks.phone_not_alone,
            value_checks.no_larger(value_checks.MAX_PROFILE_BYTES),
            value_checks.one_item,
            phone=value_checks.phone_format,
        ),
        **_patched(f"{PROFILES}/*/meta"),
    },
    "bulk_subscribe_profiles": {
        PROFILES: (value_checks.between(1, 1000),),
        f"{PROFILES}/*/attributes/age_gated_date_of_birth": (value_checks.day,),
        **_profile(f"{PROFILES}/*", _subscribable, value_checks.consents, value_checks.one_item),
        **_consented(f"{PROFILES}/*/attributes/subscriptions"),
    },
    "bulk_unsubscribe_profiles": {
        PROFILES: (value_checks.between(1, 100),),
        **_profile(f"{PROFILES}/*", _subscribable, value_checks.consents, value_checks.one_item),
    },
    "add_profiles_to_list": {
        "/data": (value_checks.between(1, 1000),),
        "/data/*": (value_checks.one_item,),
    },
    "remove_profiles_from_list": {
        "/data": (value_checks.between(1, 1000),),
        "/data/*": (value_checks.one_item,),
    },
    "create_list": {
        "/data/attributes/name": (value_checks.not_blank,),
        "/data": (value_checks.one_item,),
    },
    "request_profile_deletion": {
        **_profile("/data/attributes/profile/data", value_checks.exactly_one),
        "/data": (value_checks.one_item,),
    },
    "merge_profiles": {"/data": (value_checks.one_source, value_checks.one_item)},
}

_JUDGES = {
    name: compile_schema(schema, DEFINITIONS, RULES.get(name, {}))
    for name, schema in BODIES.items()
}


def parse(body: bytes) -> Json:
    """The body as strict JSON. Raises a `Refusal` (400) for anything else."""
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refusal(
            400, Problem("JSON parse error.", "/data", "parse_error", "Malformed request.")
        ) from None


def judge(operation: str, document: Json, facts: CheckContext) -> Findings:
    """Every problem in the body of the operation, and the number of its items."""
    findings = Findings(facts)
    try:
        _JUDGES[operation](document, findings)
    except RecursionError:
        findings.add("/data", "The payload is nested too deeply.")
    return findings


def historical_import(document: Any) -> bool:
    """Whether a subscribe request says that it imports old consents."""
    try:
        return document["data"]["attributes"]["historical_import"] is True
    except (KeyError, TypeError):
        return False


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
