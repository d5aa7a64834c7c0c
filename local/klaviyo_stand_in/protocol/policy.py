"""Settings in which Klaviyo accounts differ."""

from dataclasses import dataclass
from typing import Literal

from local.klaviyo_stand_in.protocol.openapi import REVISION

OptIn = Literal["single_opt_in", "double_opt_in"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The account's settings that affect answers.

    `default_opt_in` applies to subscriptions without a list. `sms_regions` are the two-letter
    countries that the account may text: `None` means all, an empty set that SMS is not set up.
    `refused_phones` are refused as if they were in another country. `import_seconds` is how long an
    import job takes, and `consent_seconds` a subscription or its end: until then the old state is
    visible. With `drops_example_addresses`, requests about addresses at example.com and test.com
    are accepted and forgotten, as in a live account.

    `left_out_phones` get a 2xx that leaves them out and says so in
    `X-Klaviyo-Partial-Failure` (Klaviyo's guide "Consent and compliance"). With an `age_gate`, SMS
    consent needs a date of birth (klaviyo-api-php 8.0.0, its changelog). `retired` are revisions
    that have reached their end: 410
    (https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy).
    """

    revision: str = REVISION
    default_opt_in: OptIn = "double_opt_in"
    sms_regions: frozenset[str] | None = None
    refused_phones: frozenset[str] = frozenset()
    import_seconds: float = 0.0
    consent_seconds: float = 0.0
    drops_example_addresses: bool = False
    left_out_phones: frozenset[str] = frozenset()
    age_gate: bool = False
    retired: frozenset[str] = frozenset()
