"""What needs nothing looked up, as the fewest requests."""

import json

import pytest

from klaviyo_client.api.endpoints import MAX_BODY_BYTES
from klaviyo_client.planning import steps
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.requests import Request
from operations import AddToList, CheckImport, Identity, Operation
from tests.klaviyo_client.fakes import event
from tests.klaviyo_client.planning.outlines import Plan, outline


def plan_steps(*operations: Operation) -> list[Request]:
    return steps.plan_steps(Progress(list(operations)), range(len(operations)))


@pytest.mark.parametrize(
    ("number", "plan"),
    [
        (0, []),
        (1, [("create_event", 1)]),
        (23, [("create_event", 1)] * 23),
        (24, [("bulk_create_events", 24)]),
        (1000, [("bulk_create_events", 1000)]),
        (1001, [("bulk_create_events", 1000), ("bulk_create_events", 1)]),
    ],
)
def test_events_go_in_bulk_from_24(number: int, plan: Plan) -> None:
    assert outline(plan_steps(*(event(n) for n in range(number)))) == plan


def test_list_steps_with_a_profile_id_go_together_a_list_a_request() -> None:
    members = [
        AddToList(f"m{n}", Identity(email="a@x.io"), f"L{n % 2}", f"P{n // 4}") for n in range(8)
    ]
    requests = plan_steps(*members)
    assert [(request.path, json.loads(request.body())["data"]) for request in requests] == [
        (
            f"/api/lists/L{n}/relationships/profiles",
            [{"type": "profile", "id": "P0"}, {"type": "profile", "id": "P1"}],
        )
        for n in range(2)
    ]
    assert [item.covers for item in requests[0].items] == [(0, 2), (4, 6)]


def test_a_list_takes_1000_members_a_request() -> None:
    members = [AddToList("m", Identity(kx="k"), "L", f"P{n}") for n in range(1001)]
    assert outline(plan_steps(*members)) == [
        ("add_profiles_to_list", 1000),
        ("add_profiles_to_list", 1),
    ]


def test_a_check_of_an_import_asks_for_the_job() -> None:
    [request] = plan_steps(CheckImport(None, "01J", ("m1",)))
    assert (request.endpoint.method, request.path, request.body()) == (
        "GET",
        "/api/profile-bulk-import-jobs/01J",
        b"",
    )


def test_bodies_are_cut_at_5_mb() -> None:
    requests = plan_steps(*(event(n, properties={"text": "x" * 30_000}) for n in range(400)))
    assert [request.endpoint.name for request in requests] == ["bulk_create_events"] * 3
    assert all(len(request.body()) <= MAX_BODY_BYTES for request in requests)
    assert sum(len(request.items) for request in requests) == 400
    assert len(requests[0].body()) > MAX_BODY_BYTES - 50_000
