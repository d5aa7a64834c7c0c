"""Message ids in logs and answers."""

import pytest

from handler.report.message_ids import shown_id


@pytest.mark.parametrize(
    "message_id",
    [
        "022bb90c-bbac-11e4-8dfc-aa07a5b093db",
        "ajs-next-1700000000000-022bb90c",
        "node-1700000000000:7/a|b~c=d.e_f",
        "order_7",
        "000042",
        "x" * 128,
        None,
    ],
)
def test_an_id_is_shown_as_it_is(message_id: str | None) -> None:
    assert shown_id(message_id) == message_id


@pytest.mark.parametrize(
    ("message_id", "shown"),
    [
        ("ada@shop.example", "sha256:a4c14f1b068bf2c6"),
        ("+14155550100", "sha256:"),
        ("415-555-0100", "sha256:"),
        ("14155550100", "sha256:"),
        ("ada%40shop.example", "sha256:"),
        ("Ada Lovelace", "sha256:"),
        ("Zäphod", "sha256:"),
        ("x" * 129, "sha256:"),
        ("", "sha256:"),
        ("m-1\n", "sha256:"),
        ("\ud800", "sha256:"),
    ],
)
def test_what_may_be_personal_is_shown_as_its_hash(message_id: str, shown: str) -> None:
    found = shown_id(message_id) or ""
    assert found.startswith(shown)
    assert len(found) == len("sha256:") + 16
    assert shown_id(message_id) == found
