"""Message ids as logs and answers show them.

An id names a message and no person, and people search for it. But senders choose the ids, and some
use an address or a phone number: of these only a hash is shown.
"""

import hashlib
import re

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/|~=-]{0,127}")
_NUMBER = re.compile(r"[0-9.-]{7,20}")


def shown_id(message_id: str | None) -> str | None:
    """The id, or `sha256:` and the first 16 digits of its hash when it may be an address or a
    telephone number, or is no id at all: too long, or with white space in it."""
    if message_id is None or (_PLAIN.fullmatch(message_id) and not _NUMBER.fullmatch(message_id)):
        return message_id
    digest = hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"sha256:{digest[:16]}"
