"""Every panel as axe judges it: in light, in dark and on a phone, with all that can be unfolded."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests import npm
from tests.local.web_console.in_a_browser.browsing import (
    PANELS,
    TOM,
    open_everything,
    open_panel,
    paste,
    send,
    track,
)
from tests.local.web_console.running import Running

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

FOLDER = Path(__file__).parent / "axe"

LOOKS: dict[str, tuple[str, tuple[Literal["light", "dark"], ...]]] = {
    "screen": ("page", ("light", "dark")),
    "phone": ("phone", ("light",)),
}
"""The fixture of each, and the colours in which it is judged."""

JUDGEMENT = """async () => {
  const { violations, incomplete } = await axe.run({ resultTypes: ["violations", "incomplete"] });
  const described = ({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`);
  // Of text above another element axe cannot tell the colours: test_pages.py reads them.
  const unsure = incomplete.filter(({ id }) => id !== "color-contrast");
  return [...violations, ...unsure].flatMap(described);
}"""


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core (npm): https://github.com/dequelabs/axe-core"""
    return (npm.install(FOLDER, "axe") / "axe-core" / "axe.min.js").read_text()


def barriers(page: "Page", look: str, axe: str) -> list[str]:
    """What axe finds wrong, or cannot judge."""
    page.evaluate(axe)
    found: list[str] = []
    for scheme in LOOKS[look][1]:
        page.emulate_media(color_scheme=scheme)
        found += page.evaluate(JUDGEMENT)
    return found


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("panel", PANELS)
def test_panel_has_no_barrier(
    panel: str, look: str, axe: str, running: Running, request: pytest.FixtureRequest
) -> None:
    page = request.getfixturevalue(LOOKS[look][0])
    running.send(json.loads(track(userId={})))
    open_everything(page, panel)
    assert barriers(page, look, axe) == []


@pytest.mark.parametrize("look", LOOKS)
def test_what_became_of_a_message_has_no_barrier(
    look: str, axe: str, request: pytest.FixtureRequest
) -> None:
    page = request.getfixturevalue(LOOKS[look][0])
    properties: dict[str, Any] = {"email": TOM, "products": [{"price": 1}]}
    send(page, track(event="Order Completed", properties=properties))
    page.locator("li.row .warning").wait_for()
    assert barriers(page, look, axe) == []


@pytest.mark.parametrize("look", LOOKS)
def test_many_messages_and_what_waits_have_no_barrier(
    look: str, axe: str, running: Running, request: pytest.FixtureRequest
) -> None:
    page = request.getfixturevalue(LOOKS[look][0])
    open_panel(page, "preview")
    paste(page, json.dumps([json.loads(track(messageId=f"m-{n}")) for n in range(100)]))
    page.locator(".summary", has_text="100 messages").wait_for(timeout=30_000)
    assert barriers(page, look, axe) == []
    running.set_weather("down")
    running.send(json.loads(track()), renew=True)
    running.until(lambda state: state["waiting"]["entries"] > 0)
    open_panel(page, "live")
    page.locator("summary", has_text="What is tried next").click()
    page.get_by_label("What is tried next").locator(".row").first.wait_for()
    assert barriers(page, look, axe) == []
