"""One running destination for all tests of the console, and a browser where there is one."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.web_console import running as running_
from tests.local.web_console.running import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Request, ViewportSize

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
SCREEN: "ViewportSize" = {"width": 1280, "height": 720}
PHONE: "ViewportSize" = {"width": 360, "height": 740}

FORGET = """() => {
  Storage.prototype.setItem = () => {};
  localStorage.clear();
  sessionStorage.clear();
}"""
"""The page forgets its user, and writes nothing down until it is left."""

NOTHING = "/static/icon.svg"
"""Where no script runs between tests. At another origin, each test would start a process."""

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


@pytest.fixture(scope="session")
def screen(browser: "Browser", destination: Running) -> "Iterator[Page]":
    """A page on a screen, for all tests: to make one takes longer than most tests do."""
    yield from _opened(browser, destination)


@pytest.fixture(scope="session")
def small_screen(browser: "Browser", destination: Running) -> "Iterator[Page]":
    """A page as wide as a small phone."""
    yield from _opened(browser, destination, viewport=PHONE, has_touch=True)


@pytest.fixture
def page(screen: "Page", running: Running) -> "Iterator[Page]":
    """The page as a newcomer has it. In the end nothing may have gone wrong in it."""
    screen.set_viewport_size(SCREEN)
    screen.emulate_media(color_scheme="light")
    yield from _watched(screen, running)


@pytest.fixture
def phone(small_screen: "Page", running: Running) -> "Iterator[Page]":
    """The same on a small phone."""
    yield from _watched(small_screen, running)


@pytest.fixture
def dark_page(page: "Page") -> "Page":
    """The page of somebody who likes it dark."""
    page.emulate_media(color_scheme="dark")
    return page


def _opened(browser: "Browser", running: Running, **options: Any) -> "Iterator[Page]":
    context = browser.new_context(base_url=running.url, **options)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def _watched(page: "Page", running: Running) -> "Iterator[Page]":
    wrong: list[str] = []

    def dismiss(dialog: "Dialog") -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def note(request: "Request") -> None:
        if not request.url.startswith(f"{running.url}/"):
            wrong.append(f"request: {request.url}")

    listeners: dict[Any, Callable[[Any], None]] = {
        "console": lambda said: wrong.append(f"{said.type}: {said.text}"),
        "pageerror": lambda error: wrong.append(f"error: {error}"),
        "dialog": dismiss,
        "request": note,
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    yield page
    page.evaluate(FORGET)
    page.goto(NOTHING)
    page.context.clear_permissions()
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    assert wrong == []
