"""The mapping's settings: the old destination's, then those beyond it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from klaviyo_mapping.segment.keys import normalise
from klaviyo_mapping.settings import readers
from klaviyo_mapping.settings.declaration import Setting, SettingError, read_declared
from klaviyo_mapping.settings.rules import Rules


@dataclass(frozen=True, slots=True)
class Settings:
    """How messages are mapped. A field's variable is its name in capitals.

    The first six are the old page's, with its defaults. The others add to it, and are off.
    `audience_lists` has the Klaviyo list of each Engage audience by the audience's key, or is
    `auto`: the list named after the key. `forward_types` has those of `FORWARDABLE` that are taken,
    in that order.
    """

    confirm_optin: Annotated[
        bool,
        Setting(
            "Ask people before they join a list",
            "The list's own opt-in process asks people before they join. Without it, they join at"
            " once, and no consent is recorded.",
        ),
    ] = True
    enforce_email: Annotated[
        bool,
        Setting(
            "Only people with an e-mail address",
            "Only the e-mail address names a profile, so nobody appears twice. A message without"
            " one is dropped. Without this setting, the user id or the phone number is enough.",
        ),
    ] = True
    list_id: Annotated[
        str | None,
        Setting(
            "List to join",
            "The Klaviyo list that identified people with an e-mail address join. A message can"
            " name another one.",
            readers.list_id,
            example="Y6nRLr",
        ),
    ] = None
    fallback_on_anonymous_id: Annotated[
        bool,
        Setting(
            "Include anonymous visitors",
            "The anonymous id is used if there is no user id. This creates many profiles.",
        ),
    ] = False
    send_placed_order_as_order_completed: Annotated[
        bool,
        Setting(
            "Call orders “Order Completed”",
            "The metric of an order keeps its Segment name. Without it, the metric is “Placed"
            " Order”, except for analytics.js.",
        ),
    ] = True
    default_country: Annotated[
        str | None,
        Setting(
            "Country of phone numbers",
            "The country of phone numbers in messages that name no country, in two letters.",
            readers.country,
            example="US",
        ),
    ] = None
    audience_lists: Annotated[
        Mapping[str, str] | Literal["auto"] | None,
        Setting(
            "Lists of Engage audiences",
            "Whoever enters an audience joins its list, and whoever exits leaves it. A JSON object"
            " of audience keys and list ids, or auto for the list named after the key.",
            readers.audience_lists,
            example='{"repeat_buyers": "WmB7kT"}',
        ),
    ] = None
    consent_events: Annotated[
        bool,
        Setting(
            "Take consent from two events",
            "Two events change their person's consent to marketing: the next two settings name"
            " them.",
        ),
    ] = False
    subscribe_event: Annotated[
        str,
        Setting(
            "Event that subscribes",
            "The name of the event that gives consent, in any spelling.",
            readers.event_name,
        ),
    ] = "User Subscribed"
    unsubscribe_event: Annotated[
        str,
        Setting(
            "Event that unsubscribes",
            "The name of the event that withdraws consent, in any spelling.",
            readers.event_name,
        ),
    ] = "User Unsubscribed"
    forward_deletions: Annotated[
        bool,
        Setting(
            "Forward deletions",
            "A delete message deletes the person in Klaviyo, for good. The key needs the scope"
            " data-privacy:write.",
        ),
    ] = False
    order_property_names: Annotated[
        Literal["classic", "klaviyo"],
        Setting(
            "Property names of orders",
            "classic: as the old destination wrote them. klaviyo: as in Klaviyo's guide.",
        ),
    ] = "classic"
    ecommerce_metrics: Annotated[
        Literal["segment", "klaviyo"],
        Setting(
            "Names of e-commerce events",
            "segment: the events' own names. klaviyo: the names that Klaviyo's flows and reports"
            " expect, with the properties that those read.",
        ),
    ] = "segment"
    keep_user_id: Annotated[
        str | None,
        Setting(
            "Property that keeps the user id",
            "The custom property that holds the user id while only the e-mail address names"
            " people.",
            readers.property_name,
            example="user_id",
        ),
    ] = None
    send_anonymous_id: Annotated[
        bool,
        Setting(
            "Send the anonymous id with events",
            "Events carry the anonymous id beside their other identifiers. With anonymous visitors"
            " included, it takes the place of an external id.",
        ),
    ] = False
    forward_aliases: Annotated[
        bool,
        Setting(
            "Forward aliases",
            "An alias message merges the profile of its previous id into that of its user id, for"
            " good.",
        ),
    ] = False
    forward_types: Annotated[
        tuple[str, ...],
        Setting(
            "Further types of messages",
            "More types of messages that are taken, separated by commas, such as group, page,"
            " screen. Pages and screens become events, groups become properties of their members.",
            readers.types,
            example="group, page, screen",
        ),
    ] = ()
    list_opt_in: Annotated[
        Literal["account", "single", "double"],
        Setting(
            "Opt-in process of created lists",
            "For lists that are created for audiences. account: the account's default.",
        ),
    ] = "account"
    consent_source: Annotated[
        str,
        Setting(
            "Source of consents",
            "Where a consent was given, for messages that do not say.",
            readers.words,
        ),
    ] = "Segment"
    send_context: Annotated[
        bool,
        Setting(
            "Send the context's locale and IP address",
            "They fill the profile where no trait does. Both are personal data.",
        ),
    ] = False
    rules: Annotated[
        Rules | None,
        Setting(
            "Rules",
            "Filters and renames in TOML, as in src/rules.example.toml. Deployed, they are a file.",
            readers.rules,
            example='[events]\ndeny = ["Debug *"]',
            origin="local",
        ),
    ] = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read each setting from its variable.

        A variable that is absent or blank means the default. Raises `SettingError` when a value
        cannot be read as its type, or contradicts another.
        """
        settings = cls(**read_declared(cls, environment))
        if normalise(settings.subscribe_event) == normalise(settings.unsubscribe_event):
            raise SettingError("UNSUBSCRIBE_EVENT", "a different event than SUBSCRIBE_EVENT")
        return settings
