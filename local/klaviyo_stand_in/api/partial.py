"""What a 2xx leaves out of a request's profiles, as a header says.

The header is that of Klaviyo's guide "Consent and compliance".
"""

import copy
from collections.abc import Iterator
from typing import Any

from local.klaviyo_stand_in.protocol.exchange import Json
from local.klaviyo_stand_in.protocol.policy import Policy

HEADER = "X-Klaviyo-Partial-Failure"


def left_out(route: str, document: Json, policy: Policy) -> Json | None:
    """The document without the left-out phone numbers; `None` if it has none of them."""
    refused = policy.left_out_phones
    if (
        document is None
        or not refused
        or not any(
            each["attributes"].get("phone_number") in refused for each in _profiles(route, document)
        )
    ):
        return None
    rest = copy.deepcopy(document)
    for each in _profiles(route, rest):
        attributes = each["attributes"]
        if attributes.get("phone_number") in refused:
            del attributes["phone_number"]
            attributes.get("subscriptions", {}).pop("sms", None)
    return rest


def _profiles(route: str, document: Json) -> Iterator[dict[str, Any]]:
    """The profiles in a request."""
    data = document["data"]
    if route == "create_or_update_profile":
        yield data
    elif route == "create_event":
        yield data["attributes"]["profile"]["data"]
    elif route == "bulk_create_events":
        for entry in data["attributes"]["events-bulk-create"]["data"]:
            yield entry["attributes"]["profile"]["data"]
    elif route in ("bulk_import_profiles", "bulk_subscribe_profiles", "bulk_unsubscribe_profiles"):
        yield from data["attributes"]["profiles"]["data"]
