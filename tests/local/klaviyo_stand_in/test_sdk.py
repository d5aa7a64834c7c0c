"""Klaviyo's own SDK (klaviyo-api 25.0.0, of the same revision) at work with the stand-in."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from klaviyo_api import KlaviyoAPI
from openapi_client.exceptions import BadRequestException

from local.klaviyo_stand_in import Account, serve
from tests.local.klaviyo_stand_in.caller import (
    account,
    deletion,
    entry,
    event,
    events_job,
    import_job,
    members,
    merge,
    new_list,
    profile,
    subscriber,
    subscription_job,
    unsubscription_job,
    upserted,
)

Json = Any
Use = Callable[[KlaviyoAPI, Account], Any]


@pytest.fixture
def made() -> Account:
    return account()


@pytest.fixture
def sdk(made: Account) -> Iterator[KlaviyoAPI]:
    with serve(made) as url:
        yield KlaviyoAPI("pk_test", max_delay=1, max_retries=0, test_host=url)


def import_errors(sdk: KlaviyoAPI, _: Account) -> Any:
    bad = profile(phone_number="+15555555555")
    job = sdk.Profiles.bulk_import_profiles(import_job(bad, lists=("SINGLE",))).data
    assert sdk.Profiles.get_bulk_import_profiles_job(job.id).data.attributes.status == "complete"
    return sdk.Profiles.get_errors_for_bulk_import_profiles_job(job.id).data[0].attributes.code


def move(sdk: KlaviyoAPI, made: Account) -> Any:
    ann = upserted(made, email="ann@shop.io")
    sdk.Lists.add_profiles_to_list("SINGLE", members(ann))
    assert made.lists["SINGLE"].members == {ann}
    sdk.Lists.remove_profiles_from_list("SINGLE", members(ann))
    return made.lists["SINGLE"].members


def merged(sdk: KlaviyoAPI, made: Account) -> Any:
    """The SDK knows a body of 201 only, and Klaviyo answers 202."""
    ann, bob = upserted(made, email="ann@shop.io"), upserted(made, external_id="7")
    assert sdk.Profiles.merge_profiles(merge(ann, bob)) is None
    return [each.external_id for each in made.profiles]


def looked_up(sdk: KlaviyoAPI, made: Account) -> Any:
    upserted(made, email="ann+1@shop.io")
    found = sdk.Profiles.get_profiles(filter='equals(email,"ann+1@shop.io")').data
    return [each.attributes.email for each in found]


def read_back(sdk: KlaviyoAPI, made: Account) -> Any:
    """Events of one person, by Klaviyo's own id."""
    bought = {"properties": {"price": 9.5}, "value": 9.5, "unique_id": "1"}
    sdk.Events.create_event(event(**bought))
    sdk.Events.create_event(event(profile(email="bob@shop.io"), unique_id="2"))
    [ann] = [each.id for each in made.profiles if each.email == "ann@shop.io"]
    found = sdk.Events.get_events(filter=f'equals(profile_id,"{ann}")').data
    assert [each.relationships.profile.data.id for each in found] == [ann]
    return [each.attributes.event_properties for each in found]


def metrics(sdk: KlaviyoAPI, made: Account) -> Any:
    made.add_metric("Viewed Product")
    return [each.attributes.name for each in sdk.Metrics.get_metrics().data]


USES: dict[str, tuple[Use, Any]] = {
    "create_event": (lambda sdk, _: sdk.Events.create_event(event()), None),
    "bulk_create_events": (lambda sdk, _: sdk.Events.bulk_create_events(events_job(entry())), None),
    "create_or_update_profile": (
        lambda sdk, _: (
            sdk.Profiles.create_or_update_profile({"data": profile()}).data.attributes.email
        ),
        "ann@shop.io",
    ),
    "the import operations": (import_errors, "invalid"),
    "bulk_subscribe_profiles": (
        lambda sdk, _: sdk.Profiles.bulk_subscribe_profiles(subscription_job(subscriber())),
        None,
    ),
    "bulk_unsubscribe_profiles": (
        lambda sdk, _: sdk.Profiles.bulk_unsubscribe_profiles(
            unsubscription_job(subscriber(consent="UNSUBSCRIBED"))
        ),
        None,
    ),
    "the list member operations": (move, set()),
    "get_profiles": (looked_up, ["ann+1@shop.io"]),
    "get_lists": (
        lambda sdk, _: [
            each.id for each in sdk.Lists.get_lists(filter='equals(name,"Offers")').data
        ],
        ["DOUBLE"],
    ),
    "get_events": (
        read_back,
        [{"price": 9.5, "$event_id": "1", "$value": 9.5}],
    ),
    "get_metrics": (metrics, ["Viewed Product"]),
    "create_list": (
        lambda sdk, _: sdk.Lists.create_list(new_list()).data.attributes.name,
        "VIP",
    ),
    "request_profile_deletion": (
        lambda sdk, _: sdk.Data_Privacy.request_profile_deletion(deletion(profile())),
        None,
    ),
    "merge_profiles": (merged, ["7"]),
    "get_accounts": (
        lambda sdk, _: sdk.Accounts.get_accounts().data[0].attributes.preferred_currency,
        "USD",
    ),
}


@pytest.mark.parametrize(("use", "expected"), USES.values(), ids=USES)
def test_the_sdk_reads_the_answer_of(
    sdk: KlaviyoAPI, made: Account, use: Use, expected: Any
) -> None:
    assert use(sdk, made) == expected
    assert {200, 201, 202, 204}.issuperset(status for _, status in made.counts)


def test_the_sdk_reads_an_error(sdk: KlaviyoAPI) -> None:
    with pytest.raises(BadRequestException) as refused:
        sdk.Profiles.create_or_update_profile({"data": profile(email="ann")})
    [error] = refused.value.data.errors
    assert (error.code, error.source.pointer) == ("invalid", "/data/attributes/email")
