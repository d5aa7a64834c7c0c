"""`docs/images/dashboard.svg`: the layout of the template's dashboard, drawn from the template."""

import json
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
        options = metric[-1] if isinstance(metric[-1], dict) else {}
        if options.get("visible") is False:
            continue
        label = options.get("label") or next(part for part in reversed(metric) if part != ".")
        if label.startswith("${!PROP"):
            label = "by reason"
        yield label, options.get("color", PALETTE[number % len(PALETTE)])


def write() -> None:
    """Draw it anew."""
    (IMAGES / "dashboard.svg").write_text(dashboard(), "utf-8")
