"""One running destination for all tests of the console, and a browser where there is one."""

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.local.web_console import running as running_
from tests.local.web_console.running import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Request

CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 30_000
"""Milliseconds that the browser waits for what should be there, on a busy machine as well."""


@pytest.fixture(scope="session")
def destination() -> Iterator[Running]:
    """`make run` on free ports; the samples are through."""
    with running_.run() as running:
        yield running


@pytest.fixture
def running(destination: Running) -> Iterator[Running]:
    """The same, in fine weather and with empty queues, before and after."""
    yield destination
    destination.settle()


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Debian's Chromium, headless."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt install chromium, or set CHROMIUM to its path")
    sync_api.expect.set_options(timeout=PATIENCE)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser", running: Running) -> "Iterator[Page]":
    """A page with a history of its own. In the end nothing may have gone wrong in it."""
    yield from _page(browser, running)


@pytest.fixture
def phone(browser: "Browser", running: Running) -> "Iterator[Page]":
    """A page as wide as a small phone."""
    yield from _page(browser, running, viewport={"width": 360, "height": 740}, has_touch=True)


@pytest.fixture
def dark_page(browser: "Browser", running: Running) -> "Iterator[Page]":
    """A page of somebody who likes it dark."""
    yield from _page(browser, running, color_scheme="dark")


def _page(browser: "Browser", running: Running, **options: object) -> "Iterator[Page]":
    context = browser.new_context(base_url=running.url, **options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    wrong: list[str] = []

    def dismiss(dialog: "Dialog") -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def note(request: "Request") -> None:
        if not request.url.startswith(f"{running.url}/"):
            wrong.append(f"request: {request.url}")

    page.on("console", lambda said: wrong.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("dialog", dismiss)
    page.on("request", note)
    yield page
    context.close()
    assert wrong == []
