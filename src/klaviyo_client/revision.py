"""The revision of Klaviyo's API that all of this package is written for.

A revision lives two years: https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy
"""

REVISION = "2026-07-15"
