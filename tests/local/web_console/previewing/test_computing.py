"""Previews for the page: kept, given up, and traced as far as that is quick."""

import json
from collections.abc import Callable

import pytest

import preview
from klaviyo_mapping import Settings
from local.web_console.previewing.computing import TRACED, Computed, Previews, Superseded
from local.web_console.previewing.paging import ITEMS, MESSAGES, page_of


def batch(number: int) -> str:
    return json.dumps(
        [
            {
                "type": "track",
                "messageId": f"m-{n}",
                "userId": "u",
                "event": "Lid Lost",
                "properties": {"email": "maria@acme-store.example"},
            }
            for n in range(number)
        ]
    )


def computed(previews: Previews, text: str, number: int = 0, page: str = "p") -> Computed:
    return previews.of(text, {}, Settings(), page, number)


def test_same_input_is_computed_once() -> None:
    previews = Previews()
    assert computed(previews, batch(2)) is computed(previews, batch(2), page="another")


def test_older_input_of_a_page_is_given_up_and_that_of_another_is_not() -> None:
    previews = Previews()
    computed(previews, batch(1), number=2)
    with pytest.raises(Superseded):
        computed(previews, batch(2), number=1)
    computed(previews, batch(2), number=1, page="another")


def test_work_ends_in_its_midst_when_newer_input_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    previews = Previews()
    done = 0

    def explained(*_: object, go_on: Callable[[], None], **__: object) -> None:
        nonlocal done
        go_on()
        done += 1
        previews._newest["p"] = 2
        go_on()
        done += 1

    monkeypatch.setattr(preview, "explain", explained)
    with pytest.raises(Superseded):
        computed(previews, batch(1), number=1)
    assert done == 1


@pytest.mark.parametrize(("number", "is_traced"), [(3, True), (TRACED + 1, False)])
def test_many_messages_are_not_traced(number: int, is_traced: bool) -> None:
    assert computed(Previews(), batch(number)).preview.is_traced is is_traced


def test_page_has_a_part_and_says_of_how_much() -> None:
    page = page_of(computed(Previews(), batch(50)).preview, MESSAGES, 0)
    assert page["number"] == {"messages": 50, "requests": 1}
    assert page["verdicts"] == {"mapped": 50}
    assert [each["number"] for each in page["messages"]] == list(range(21, 41))
    [request] = page["requests"]
    assert sum(request["left_out"].values()) == 50 - ITEMS
    shown = json.dumps(request["body"])
    assert [f'"m-{n}"' in shown for n in (0, ITEMS - 1, ITEMS)] == [True, True, False]
    assert not any(f"/{ITEMS}/" in place for place in request["traces"])
