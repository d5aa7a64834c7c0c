"""The queries that look profiles and lists up. Pure.

https://developers.klaviyo.com/en/docs/filtering_: the whole filter is percent-encoded, and texts
stand in double quotes; a quote or a backslash within one is escaped as in JSON.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from klaviyo_client.api.endpoints import Endpoint

SINGLE_VALUED = frozenset({"_kx"})
"""Fields that Klaviyo compares with one value at a time, and does not show."""


def encoded(value: str) -> bytes:
    """A value as it stands in a filter, percent-encoded."""
    text = json.dumps(value, ensure_ascii=False)
    return quote(text.encode(errors="replace"), safe="").encode()


def asked_for(field: str, value: str) -> bytes:
    """What to ask for, to find the value as Klaviyo keeps it.

    Whether a filter ignores the case of addresses, or blanks around names, is not documented: such
    a value is asked for twice.
    """
    spellings = dict.fromkeys((value, comparable(field, value)))
    return b"%2C".join(map(encoded, spellings))


WITH_CONSENTS = "additional-fields%5Bprofile%5D=subscriptions"
"""An answer shows consents only if the request asks for them:
https://developers.klaviyo.com/en/reference/get_profiles"""


def query(
    endpoint: Endpoint, field: str, values: Sequence[bytes], with_consents: bool = False
) -> str:
    """The first page of what has any of these `encoded` values in the field.

    Of each resource only what tells whose it is, and of a profile the consents if they are wanted.
    A page is as large as the endpoint allows.
    """
    if field in SINGLE_VALUED:
        condition = f"equals({field}%2C{values[0].decode()})"
    else:
        condition = f"any({field}%2C%5B{b'%2C'.join(values).decode()}%5D)"
    fields = FIELDS.get(field, "email")
    if with_consents:
        fields = f"email%2Cphone_number%2Csubscriptions&{WITH_CONSENTS}"
    return (
        f"?filter={condition}&fields%5B{endpoint.resource}%5D={fields}"
        f"&page%5Bsize%5D={endpoint.max_items}"
    )


FIELDS = {
    "email": "email",
    "phone_number": "phone_number",
    "external_id": "external_id",
    "name": "created%2Cname",
}
"""What is asked of each resource, by the field that is looked at."""


def comparable(field: str, value: Any) -> Any:
    """The value as Klaviyo compares it: addresses in any case, names without blanks around them."""
    if not isinstance(value, str):
        return value
    if field == "email":
        return value.lower()
    return value.encode(errors="replace").decode().strip() if field == "name" else value


def shown(field: str, attributes: Mapping[str, Any]) -> Any:
    """The field of a resource, comparable."""
    return comparable(field, attributes.get(field))
