"""Takes the pictures of the documentation: `.venv/bin/python -m local.pictures [CONSOLE_URL]`.

`docs/images/dashboard.svg` is drawn from the template. With the URL of a running console
(`make run`), `preview.png` and `live.png` are taken from it in Chromium (`CHROMIUM` is its path).
"""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

from local.aws_stand_in import template

IMAGES = template.FILE.parent / "docs" / "images"

COLUMN, ROW, GAP = 40, 26, 6
"""Pixels of a dashboard's unit of width and of height, and between widgets."""


def dashboard() -> str:
    """The layout of the template's dashboard as SVG: each widget with its title and its lines."""
    body = template.source()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    width = COLUMN * max(widget["x"] + widget["width"] for widget in widgets)
    height = ROW * max(widget["y"] + widget["height"] for widget in widgets)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#f2f3f3"/>',
        *(line for widget in widgets for line in _drawn(widget)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _drawn(widget: Mapping[str, Any]) -> Iterator[str]:
    x, y = COLUMN * widget["x"] + GAP // 2, ROW * widget["y"] + GAP // 2
    width, height = COLUMN * widget["width"] - GAP, ROW * widget["height"] - GAP
    yield (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="#fff"'
        ' stroke="#d5dbdb"/>'
    )
    title = textwrap.wrap(widget["properties"]["title"], (width - 20) // 7)
    for number, text in enumerate(title, start=1):
        yield (
            f'<text x="{x + 10}" y="{y + 2 + 15 * number}" font-weight="bold" fill="#16191f">'
            f"{escape(text)}</text>"
        )
    top = y + 15 * len(title) + 8
    if widget["type"] == "alarm":
        for number, arn in enumerate(widget["properties"]["alarms"]):
            name = arn.partition("${AWS::StackName}-")[2]
            place = f'x="{x + 10 + number % 6 * 155}" y="{top + number // 6 * 22}"'
            yield f'<rect {place} width="149" height="18" rx="3" fill="#d9f0dc"/>'
            yield (
                f'<text x="{x + 18 + number % 6 * 155}" y="{top + 13 + number // 6 * 22}"'
                f' fill="#1d5b28">{escape(name)}</text>'
            )
        return
    for number, (label, color) in enumerate(_shown(widget["properties"]), start=1):
        at = top + 15 * number
        if at > y + height - 6:
            return
        yield f'<rect x="{x + 10}" y="{at - 8}" width="8" height="8" fill="{color}"/>'
        yield f'<text x="{x + 24}" y="{at}" fill="#545b64">{escape(label)}</text>'


PALETTE = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#17becf", "#7f7f7f")


def _shown(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The label and the colour of each line of a widget."""
    if "query" in properties:
        yield "a table, from the logs", "#545b64"
    for number, metric in enumerate(properties.get("metrics", ())):
        told = metric[-1] if isinstance(metric[-1], dict) else {}
        if told.get("visible") is False:
            continue
        label = told.get("label") or next(part for part in reversed(metric) if part != ".")
        if label.startswith("${!PROP"):
            label = "by reason"
        yield label, told.get("color", PALETTE[number % len(PALETTE)])


def console(url: str) -> None:
    """The console's panels as a user sees them, after some traffic."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(base_url=url, viewport={"width": 1280, "height": 860})
        page.goto("/#preview")
        page.get_by_label("Start from").select_option(label="A person with traits")
        page.get_by_text("1 message → 1 request to Klaviyo").wait_for()
        page.screenshot(path=IMAGES / "preview.png")
        page.goto("/#live")
        page.locator("main .card").first.wait_for()
        page.wait_for_timeout(1_500)
        page.screenshot(path=IMAGES / "live.png")
        browser.close()


if __name__ == "__main__":
    (IMAGES / "dashboard.svg").write_text(dashboard(), "utf-8")
    if len(sys.argv) > 1:
        console(sys.argv[1])
