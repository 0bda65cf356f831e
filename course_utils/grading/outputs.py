"""What is kept of the outputs of a learner's cells: harmless types, plain text, a bounded size."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

from nbformat.v4 import new_output

from course_utils.check.transport import plain

BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
PICTURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
LARGEST_PICTURE = 4 * 2**20  # characters of base64
MOST = 200  # outputs of a cell
LARGEST_PAGE = 20_000  # characters of an output in HTML, which is only kept whole


def kept(outputs: Iterable[Any], longest: int) -> list[Any]:
    """Return the outputs of a cell with at most ``longest`` characters of text, streams joined.

    Pictures stay if they begin as pictures do; of other rich outputs stay the plain text and the HTML, which
    the pages that show it make harmless. Whatever has not the form of an output is left out.
    """
    result: list[Any] = []
    left = longest
    pictures = LARGEST_PICTURE
    for output in outputs:
        try:
            new, used, drawn = _kept(output, left, pictures)
        except (KeyError, TypeError, AttributeError, ValueError):
            continue
        left, pictures = left - used, pictures - drawn
        if result and _is_same_stream(result[-1], new):
            result[-1]["text"] += new["text"]
        elif new is not None and len(result) < MOST:
            result.append(new)
    if left <= 0:
        result.append(new_output("stream", name="stderr", text="\nThe rest of the output is left out.\n"))
    return result


def _kept(output: Any, left: int, pictures: int) -> tuple[Any, int, int]:
    """Return what is kept of an output, how many characters of text it has, and how many of pictures."""
    kind = output["output_type"]
    if kind == "stream":
        text = _text(output["text"], left)
        name = "stderr" if output["name"] == "stderr" else "stdout"
        return (new_output("stream", name=name, text=text) if text else None), len(text), 0
    if kind == "error":
        whole = "\n".join(map(str, output["traceback"][:MOST]))
        trace = _text(whole, left, colours=True)
        name, value = plain(str(output["ename"]), 200), plain(str(output["evalue"]))
        error = new_output("error", ename=name, evalue=value, traceback=trace.split("\n"))
        return error, len(trace), 0
    data = {}
    used = drawn = 0
    for mime, value in output["data"].items():
        if mime in PICTURES and drawn + len(value) <= pictures and is_picture(mime, value):
            data[mime] = value
            drawn += len(value)
        elif mime == "text/plain" and (text := _text(value, left)):
            data[mime] = text
            used += len(text)
        elif mime == "text/html" and isinstance(value, str) and len(value) <= min(left, LARGEST_PAGE):
            data[mime] = plain(value, LARGEST_PAGE)
            used += len(value)
    return (new_output("display_data", data=data) if data else None), used, drawn


def _text(value: Any, longest: int, colours: bool = False) -> str:
    """Return plain text; escapes that colour a traceback may stay: pages turn them into colours."""
    text = str(value)[: max(longest, 0)]
    if not colours:
        return plain(text, len(text))
    return "\x1b".join(plain(part, len(part)) for part in text.split("\x1b"))


def is_picture(mime: str, value: Any) -> bool:
    """Tell whether a text is base64 and begins as a picture of that type does."""
    if not isinstance(value, str) or len(value) > LARGEST_PICTURE or not BASE64.fullmatch(value):
        return False
    try:
        return base64.b64decode(value[:64], validate=False).startswith(PICTURES[mime])
    except (binascii.Error, ValueError):
        return False


def _is_same_stream(one: Any, other: Any) -> bool:
    return bool(
        other and one["output_type"] == other["output_type"] == "stream" and one["name"] == other["name"]
    )
