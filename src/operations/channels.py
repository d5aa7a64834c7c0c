"""The channels and kinds of consent, spelled `channel.kind`, as in `email.marketing`.

https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles takes all of these;
https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles not `whatsapp.conversational`.
"""

from collections.abc import Mapping

EMAIL, SMS, WHATSAPP, PUSH = "email", "sms", "whatsapp", "push"

EVERY_CHANNEL = (
    "email.marketing",
    "email.open_tracking",
    "email.click_tracking",
    "sms.marketing",
    "sms.transactional",
    "whatsapp.marketing",
    "whatsapp.transactional",
    "whatsapp.conversational",
)
"""The channels of a withdrawal of all consent. Push is not among them: the schema demands device
tokens, which no message has."""

SUBSCRIBABLE = frozenset(
    {
        "email.marketing",
        "sms.marketing",
        "sms.transactional",
        "whatsapp.marketing",
        "whatsapp.transactional",
        "push.marketing",
    }
)
"""What a message may subscribe to by name."""

WITHDRAWABLE = frozenset(EVERY_CHANNEL)
"""What a message may unsubscribe from by name."""

SPOKEN: Mapping[str, str] = {
    **{
        each.replace(".", "").replace("_", ""): each for each in sorted(SUBSCRIBABLE | WITHDRAWABLE)
    },
    **{channel: f"{channel}.marketing" for channel in (EMAIL, SMS, WHATSAPP, PUSH)},
    "phone": "sms.marketing",
}
"""The `channel.kind` by what a message may call it, as `keys.normalise` writes that, without dots.
Without a kind it is marketing."""

IDENTIFIER_OF = {EMAIL: "email", SMS: "phone_number", WHATSAPP: "phone_number"}
"""What a consent on the channel needs. Push goes to devices: any identifier names their owner."""


def identifier_of(channel: str) -> str | None:
    """The identifier that a `channel.kind` needs; None where any will do."""
    return IDENTIFIER_OF.get(channel.partition(".")[0])
