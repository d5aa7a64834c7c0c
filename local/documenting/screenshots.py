"""Takes the screenshots of docs/tour.md from a running console in Chromium.

It starts `make run` on free ports. `CHROMIUM` is the browser's path, if it is not on the
`PATH`.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local.aws_stand_in.function import ROOT
from local.documenting.own_run import IS_READY, run, until

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

IMAGES = ROOT / "docs" / "images"

WIDE: "ViewportSize" = {"width": 1280, "height": 860}
PHONE: "ViewportSize" = {"width": 390, "height": 844}


def write() -> None:
    """Take all of them."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with running() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(base_url=url, viewport=WIDE)
        _preview(page, IMAGES / "preview.png")
        _offer(page, IMAGES / "offer.png")
        _send(page, IMAGES / "send.png")
        _bad_day(page, IMAGES / "weather.png", IMAGES / "live.png")
        dark = browser.new_page(base_url=url, viewport=WIDE, color_scheme="dark")
        _preview(dark, IMAGES / "preview-dark.png")
        phone = browser.new_page(base_url=url, viewport=PHONE)
        _preview(phone, IMAGES / "preview-phone.png")
        browser.close()


@contextmanager
def running() -> Iterator[str]:
    """`make run` once its samples are done; yields the console's URL."""
    process = run()
    try:
        assert process.stdout is not None
        written = until(IS_READY, process.stdout)
        found = re.search(r"^  console +(http\S+)", written, re.MULTILINE)
        assert found is not None, written
        yield found[1]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _open(page: "Page", panel: str) -> None:
    page.goto(f"/#{panel}")
    page.get_by_role("heading", level=1, name=panel.capitalize()).wait_for()
    page.locator("main .card").first.wait_for()


def _preview(page: "Page", path: Path) -> None:
    _open(page, "preview")
    page.get_by_label("Start from").select_option(label="A person with traits")
    page.get_by_text("1 message → 1 request to Klaviyo").wait_for()
    page.screenshot(path=path)


def _offer(page: "Page", path: Path) -> None:
    _open(page, "preview")
    page.get_by_label("Start from").select_option(label="Consent to e-mail and SMS")
    page.get_by_text("With CONSENT_EVENTS=true it would").wait_for()
    page.screenshot(path=path)


def _send(page: "Page", path: Path) -> None:
    _open(page, "send")
    page.get_by_label("Start from").select_option(label="An order and its two products")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("Klaviyo has it").wait_for()
    page.screenshot(path=path)


def _bad_day(page: "Page", weather: Path, live: Path) -> None:
    """Klaviyo is down for half a minute while messages come in."""
    _open(page, "weather")
    page.get_by_label("5 a second").check()
    page.wait_for_timeout(20_000)
    page.get_by_label("Down").check()
    page.wait_for_timeout(15_000)
    _open(page, "live")
    page.get_by_text("What is tried next").wait_for()
    page.locator("button.open").first.click()
    page.wait_for_timeout(1_500)
    page.screenshot(path=live)
    _open(page, "weather")
    page.get_by_label("Fine").check()
    page.wait_for_timeout(20_000)
    page.screenshot(path=weather)
    page.get_by_label("None").check()
