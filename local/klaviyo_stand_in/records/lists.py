"""The account's lists and who is on them."""

from dataclasses import dataclass, field
from datetime import datetime

from local.klaviyo_stand_in.protocol.policy import OptIn


@dataclass(slots=True)
class MailingList:
    """One list.

    `members` are profile ids. `pending` are the profiles that were asked to confirm, with the
    consents that a confirmation gives.
    """

    id: str
    name: str
    opt_in_process: OptIn
    created: datetime
    updated: datetime
    members: set[str] = field(default_factory=set)
    pending: dict[str, set[str]] = field(default_factory=dict)
