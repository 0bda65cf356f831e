"""Makes what a submission holds harmless on the pages that show it: feedback, and formgrader.

nbgrader's pages show a learner's text and outputs as HTML. Here only tags and attributes that lay text out,
and the drawings of the check's report, get through; everything else is shown as the text that it is.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any

import bleach
from bleach.css_sanitizer import CSSSanitizer
from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor

from course_utils.check.transport import plain

TAGS = {
    *bleach.ALLOWED_TAGS,
    *(
        "br",
        "div",
        "hr",
        "p",
        "pre",
        "span",
        "sub",
        "sup",
        "del",
        "details",
        "summary",
        "figure",
        "figcaption",
    ),
    *("h1", "h2", "h3", "h4", "h5", "h6", "img", "table", "thead", "tbody", "tr", "th", "td"),
    *("svg", "rect", "text"),
}
DRAWING = {
    "x",
    "y",
    "width",
    "height",
    "fill",
    "stroke",
    "stroke-width",
    "font-size",
    "font-family",
    "text-anchor",
}
STYLES = CSSSanitizer(
    allowed_css_properties={"border-left", "display", "margin", "max-width", "padding", "text-align"}
)
LINKS = ("https://", "http://", "#")  # those to files lead nowhere from where a page is read
LARGE = re.compile(r"-\s*\.?\d|(?<![#\w])\d{3,}|\de\d|[(\\]")  # lengths that may cover or stretch the page
NO_LINK = re.compile(r"<a>(.*?)</a>", re.DOTALL)
ENTITY = re.compile(r"&#?\w+;?")
LONGEST = 20_000  # characters of a text that is shown as Markdown
PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,")


def clean(html: Any) -> str:
    """Return HTML in which nothing runs, nothing is loaded and nothing covers the page."""
    text = html.decode(errors="replace") if isinstance(html, bytes) else str(html)
    cleaned: str = bleach.clean(
        text, tags=TAGS, attributes=_is_harmless, protocols={"http", "https", "data"}, css_sanitizer=STYLES
    )
    return ENTITY.sub(_visible, NO_LINK.sub(r"\1", cleaned))


@pass_context
def markdown(context: Context, source: str) -> str:
    """Return Markdown as harmless HTML; pictures that are attached to the cell are shown."""
    if len(source) > LONGEST:
        return f"<pre>{escape(source)}</pre>"
    cell = context.get("cell", {})
    renderer = IPythonRenderer(escape=False, attachments=cell.get("attachments", {}))
    return clean(MarkdownWithMath(renderer=renderer).render(source))


class VisibleText(Preprocessor):
    """Replaces characters that hide or turn around what stands beside them, wherever a page shows text."""

    enabled = True

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> tuple[Any, Any]:
        """Return the cell with plain text in its source and its outputs."""
        cell.source = _plain(cell.source)
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = _plain(output.text)
            for mime in set(output.get("data", {})) & {"text/plain", "text/html", "text/markdown"}:
                output.data[mime] = _plain(output.data[mime])
        return cell, resources


def _is_harmless(tag: str, name: str, value: str) -> bool:
    if tag == "a":
        return name == "title" or (name == "href" and value.startswith(LINKS))
    if tag == "img":
        return (
            name == "alt"
            or (name in ("width", "height") and value.isdigit() and len(value) < 4)
            or (name == "src" and value.startswith(PICTURES))
        )
    if tag in ("svg", "rect", "text"):
        return name in DRAWING or name in ("role", "aria-label")
    return name == "style" and not LARGE.search(value)


def _visible(entity: re.Match[str]) -> str:
    """Return an entity as it is if it stands for a character that can be seen."""
    character = unescape(entity[0])
    return entity[0] if plain(character) == character else "\N{REPLACEMENT CHARACTER}"


def _plain(text: Any) -> str:
    """Return text without control and direction marks, but for the escapes that pages turn into colours."""
    return "\x1b".join(plain(part, len(part)) for part in str(text).split("\x1b"))
