"""Requests and their items: paths, and how many items a request takes."""

import pytest

from klaviyo_client.api.endpoints import ADD_TO_LIST, MAX_BODY_BYTES
from klaviyo_client.planning.requests import Item, Request, chunks
from tests.klaviyo_client.fakes import endpoint


def test_an_id_is_written_as_one_segment_of_the_path() -> None:
    request = Request(ADD_TO_LIST, (), target="ü\ud800")
    assert request.path == "/api/lists/%C3%BC%3F/relationships/profiles"


@pytest.mark.parametrize("list_id", ["..", "../../profiles", "a?b=c#d", "a b"])
def test_an_id_that_leads_elsewhere_cannot_be_planned(list_id: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a path"):
        Request(ADD_TO_LIST, (), target=list_id)


def test_an_item_that_is_too_large_alone_is_left_to_klaviyo() -> None:
    of_ten = endpoint(max_items=10)
    small, large = Item(b"x", (0,)), Item(b"x" * (MAX_BODY_BYTES + 1), (1,))
    assert list(chunks([small, large, small], of_ten)) == [(small,), (large,), (small,)]
