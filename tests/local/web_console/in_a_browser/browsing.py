"""What the tests of the console's page do in it."""

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from local.aws_stand_in.function import ROOT
from local.make_run.place import COMMAND
from tests.cli.calling import environment

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PANELS = ("preview", "send", "live", "weather")

MARIA = "maria.lindqvist@acme-store.example"
TOM = "tom.okafor@acme-store.example"


def track(**fields: Any) -> str:
    message = {
        "type": "track",
        "messageId": "m-1",
        "userId": "u-1",
        "event": "Mug Polished",
        "properties": {"email": TOM, "shine": 3},
        **fields,
    }
    return json.dumps(message, indent=2)


def at_this_checkout(command: str, **variables: str) -> str:
    """Run a command as the page shows it, in a shell, by the Python that runs the tests; gives what
    it says."""
    assert COMMAND in command
    return subprocess.run(
        ["bash", "-c", command.replace(COMMAND, f"{sys.executable} -m cli")],
        cwd=ROOT,
        env=environment({"PATH": os.environ["PATH"], **variables}),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def open_panel(page: "Page", panel: str, text: str | None = None) -> None:
    page.goto(f"/#{panel}")
    page.get_by_role("heading", level=1, name=panel.capitalize()).wait_for()
    page.locator("main .card").first.wait_for()
    if text is not None:
        editor(page).fill(text)


def editor(page: "Page") -> "Locator":
    return page.get_by_label("Message, or an array of messages, as JSON")


def line(page: "Page", code: str) -> "Locator":
    """The line of a body that begins with this code."""
    return page.locator(
        ".line", has=page.locator(".code", has_text=re.compile(f"^{re.escape(code)}"))
    )


def send(page: "Page", text: str) -> None:
    open_panel(page, "send", text)
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("heading", name="What became of it").wait_for()


def outcome(page: "Page", word: str) -> "Locator":
    """The outcome of the message that was sent, once it is this one."""
    badge = page.locator("li.row .badge", has_text=re.compile(f"^{word}$"))
    badge.wait_for(timeout=30_000)
    return badge


def choose(page: "Page", label: str | re.Pattern[str]) -> None:
    """By the keyboard: what arrives above it meanwhile would move it from under a click."""
    page.get_by_label(label).press("Space")


def paste(page: "Page", text: str) -> None:
    """Put the text in place of the editor's, as a person does."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    editor(page).press("Control+A")
    editor(page).press("Control+V")


def open_everything(page: "Page", panel: str) -> None:
    """The panel with all that can be unfolded, and with a setting that is not the default."""
    if panel == "preview":
        open_panel(page, panel, track(event="User Subscribed"))
        page.get_by_label("Only people with an e-mail address", exact=True).uncheck()
        page.get_by_label("Deploy", exact=True).wait_for()
    else:
        open_panel(page, panel)
    if panel == "live":
        page.locator("button.open").first.click()
        page.locator(".letter").first.wait_for()
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    page.wait_for_timeout(500)
