"""Segment's own SDK judges what we send to its Public API, and what the stand-in answers."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cli.segment.connection import Desired, apply, plan
from cli.segment.public_api import SegmentApi
from local.segment_stand_in import Exchange, Workspace, serve
from tests.local.segment_stand_in import sdk

TOKEN = "sgp_test"

DESIRED = Desired(
    name="Klaviyo (shop)",
    url="https://api.example/segment",
    types=("identify", "track"),
    shared_secret="s3cret",
    token="t0ken",
)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    sdk.require()


def everything(workspace: Workspace) -> list[Exchange]:
    """Every request that the command line makes of Segment: to connect, to change, to look."""
    source = workspace.sources[workspace.add_source("shop", "Shop")]
    for number in range(3):
        workspace.add_source(f"other-{number}", "Other")
    with serve(workspace) as url:
        api = SegmentApi(url, TOKEN, lambda seconds: None)
        api.sources()
        for desired in (DESIRED, DESIRED_LATER):
            apply(api, plan(api, source, desired))
        api.destinations()
    return workspace.exchanges


DESIRED_LATER = Desired(
    name=DESIRED.name,
    url=DESIRED.url,
    types=("identify", "track", "delete"),
    shared_secret="another",
    batch_size=500,
)


def test_every_operation_is_judged() -> None:
    made = everything(Workspace(TOKEN))
    assert {each.operation for each in made} == set(sdk.MODELS)
    assert {each.status for each in made} == {200}


def errors() -> list[tuple[int, Any]]:
    workspace = Workspace(TOKEN)
    source = workspace.add_source("shop", "Shop")
    body = f'{{"sourceId": "{source}", "metadataId": "x", "settings": {{}}}}'.encode()
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    return [
        workspace.answer("GET", "/sources", {}, {}, b""),
        workspace.answer("GET", "/nothing", {}, headers, b""),
        workspace.answer("GET", "/sources", {}, headers, b""),
        workspace.answer("POST", "/destinations", {}, headers, body),
    ]


BENT = {
    "missing": ({"sourceId": "s", "metadataId": "m"}, "''settings'' is missing"),
    "unknown": (
        {"sourceId": "s", "metadataId": "m", "settings": {}, "x": 1},
        "does not exist in type",
    ),
    "type": (
        {"sourceId": 1, "metadataId": "m", "settings": {}},
        "Type 'number' is not assignable",
    ),
}
"""Bodies that are wrong, and what has to be said of them."""


@pytest.fixture(scope="module")
def objections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return sdk.objections(
        {
            "calls": sdk.bodies_and_answers(everything(Workspace(TOKEN))),
            "errors": [("RequestErrorEnvelope", document) for _, document in errors()],
            **{name: [("CreateDestinationV1Input", body)] for name, (body, _) in BENT.items()},
        },
        tmp_path_factory.mktemp("sdk"),
    )


def test_bodies_and_answers_are_of_the_sdks_types(objections: dict[str, list[str]]) -> None:
    assert objections["calls"] == []


def test_errors_are_of_the_sdks_type(objections: dict[str, list[str]]) -> None:
    assert [status for status, _ in errors()] == [401, 404, 422, 404]
    assert objections["errors"] == []


@pytest.mark.parametrize("name", BENT)
def test_the_judge_objects(name: str, objections: dict[str, list[str]]) -> None:
    [said] = objections[name]
    assert BENT[name][1] in said


def _pagination(exchange: Exchange) -> dict[str, Any]:
    found: dict[str, Any] = {"count": int(exchange.query["pagination[count]"])}
    if cursor := exchange.query.get("pagination[cursor]"):
        found["cursor"] = cursor
    return found


CALLS: Mapping[str, tuple[str, Callable[[Exchange], list[Any]]]] = {
    "listSources": ("SourcesApi", lambda each: [_pagination(each)]),
    "listConnectedDestinationsFromSource": (
        "SourcesApi",
        lambda each: [each.path.split("/")[2], _pagination(each)],
    ),
    "listDestinations": ("DestinationsApi", lambda each: [_pagination(each)]),
    "listSubscriptionsFromDestination": (
        "DestinationsApi",
        lambda each: [each.path.split("/")[2], _pagination(each)],
    ),
    "getDestinationMetadata": ("CatalogApi", lambda each: [each.path.split("/")[3]]),
    "createDestination": ("DestinationsApi", lambda each: [each.body]),
    "updateDestination": ("DestinationsApi", lambda each: [each.path.split("/")[2], each.body]),
    "createDestinationSubscription": (
        "DestinationsApi",
        lambda each: [each.path.split("/")[2], each.body],
    ),
    "updateSubscriptionForDestination": (
        "DestinationsApi",
        lambda each: [each.path.split("/")[2], each.path.split("/")[4], each.body],
    ),
}
"""How the SDK is called for the same request."""


def as_sent(exchange: Exchange) -> tuple[Any, ...]:
    headers = exchange.headers
    return (
        exchange.operation,
        exchange.method,
        exchange.path,
        exchange.query,
        headers.get("content-type"),
        headers.get("accept"),
        headers.get("authorization"),
        exchange.body,
    )


def test_our_requests_are_those_that_the_sdk_makes() -> None:
    ours = everything(small_pages(Workspace(TOKEN)))
    calls = [
        {"api": CALLS[each.operation][0], "method": each.operation,
         "arguments": CALLS[each.operation][1](each)}
        for each in ours
    ]  # fmt: skip
    workspace = small_pages(Workspace(TOKEN))
    for each in ("shop", "other-0", "other-1", "other-2"):
        workspace.add_source(each, each)
    with serve(workspace) as url:
        bodies = sdk.call(url, TOKEN, calls)
    theirs = workspace.exchanges
    assert list(map(as_sent, ours)) == list(map(as_sent, theirs))
    assert [body["data"].keys() for body in bodies] == [
        each.answer["data"].keys() for each in theirs
    ]


def small_pages(workspace: Workspace) -> Workspace:
    """A workspace that gives two entries a page, whatever it is asked for."""
    workspace.most_given = 2
    return workspace
