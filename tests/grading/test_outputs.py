"""What is kept of a learner's outputs."""

from __future__ import annotations

import base64

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_utils.grading.outputs import kept

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()


def test_text_streams_are_joined_and_cut() -> None:
    outputs = [new_output("stream", name="stdout", text="x" * 600) for _ in range(5)]
    first, last = kept(outputs, 1000)
    assert len(first.text) == 1000
    assert last.text == "\nThe rest of the output is left out.\n"


def test_pictures_stay_and_what_only_says_that_it_is_one_does_not() -> None:
    picture = new_output("display_data", data={"image/png": PNG, "text/plain": "<Figure>"})
    false = new_output("display_data", data={"image/png": base64.b64encode(b"<script>" * 9).decode()})
    (output,) = kept([picture, false], 1000)
    assert output.data == {"image/png": PNG, "text/plain": "<Figure>"}


@pytest.mark.parametrize(
    "mime",
    ["application/javascript", "image/svg+xml", "text/latex", "application/vnd.jupyter.widget-view+json"],
)
def test_types_that_a_page_would_run_are_left_out(mime) -> None:
    assert kept([new_output("display_data", data={mime: "x"})], 1000) == []


def test_a_traceback_keeps_its_colours_and_loses_other_marks() -> None:
    error = new_output(
        "error", ename="E", evalue="\u202ev", traceback=["\x1b[31mred\x1b[0m \u2066turned\x07"]
    )
    (output,) = kept([error], 1000)
    assert (output.evalue, output.traceback) == ("�v", ["\x1b[31mred\x1b[0m �turned�"])


def test_a_long_traceback_is_cut() -> None:
    error = new_output("error", ename="E", evalue="v", traceback=["x" * 600] * 100)
    first, second, last = kept([error, error], 1000)
    assert sum(map(len, first.traceback)) <= 1000
    assert (second.ename, second.traceback) == ("E", [""])
    assert last.text == "\nThe rest of the output is left out.\n"


ANY = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"output_type": st.sampled_from(["stream", "error", "display_data", "execute_result", "x"])},
            optional=dict.fromkeys(("text", "name", "data", "ename", "evalue", "traceback", "metadata"), ANY),
        )
        | ANY,
        max_size=4,
    )
)
def test_whatever_comes_what_is_kept_is_valid(outputs) -> None:
    cell = new_code_cell("x", outputs=nbformat.from_dict(kept(outputs, 1000)))
    nbformat.validate(new_notebook(cells=[cell]))
