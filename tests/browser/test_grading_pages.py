"""What instructors and learners open in a browser after grading: feedback pages and formgrader."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from hostile.classroom import ASSIGNMENT, hand_in, hand_in_sample
from hostile.submissions import SUBMISSIONS
from playwright.sync_api import Page, expect

from browser.jupyter import TOKEN, save, serve
from course_utils.grading.folder import CourseFolder
from course_utils.grading.grade import grade
from course_utils.grading.gradebook import feedback
from course_utils.grading.release import release

MARKDOWN = """<script>document.title = "HACKED"</script>
<img src="x" onerror="document.title = 'HACKED'"> <a href="javascript:document.title='HACKED'">a link</a>
<iframe srcdoc="<script>parent.document.title='HACKED'</script>"></iframe>
<div style="position:fixed;top:0;left:0;width:100%;height:100%;background:white">covers the page</div>
<div style="margin:-4000px 0 0 -900px;padding:2000px 3000px;border-left:3000px solid">covers the page</div>
<div style="margin:calc(0px - 90em)">covers</div> <a href="DATA:text/html,<script>1</script>">a link</a>
&#8238;21 fo 21 &#x202e; &rlm; ![x](attachment:none.png) <img width="99999" src="data:image/png;base64,">
<form action="https://example.org"><button>Give full marks</button></form>
\u202e txet denruT
"""
ATTACKS = """() => [...document.querySelectorAll("*")].filter(element =>
    (element.tagName === "SCRIPT" && !/mathjax/i.test(element.src + element.type))
    || ["IFRAME", "FORM", "OBJECT", "EMBED", "BASE", "LINK", "META"].includes(element.tagName)
        && !element.closest("head")
    || [...element.attributes].some(attribute =>
        attribute.name.startsWith("on") || /^\\s*javascript:/i.test(attribute.value))
    || getComputedStyle(element).position === "fixed"
    || /-\\d|\\d{3}px/.test(["margin", "padding", "borderLeft"].map(name => element.style?.[name]).join())
    || /^\\s*data:/i.test(element.getAttribute("href") || "")
).map(element => element.outerHTML.slice(0, 100))"""
TURNED = """() => /[\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\u0007]/.test(document.body.textContent)"""


@pytest.fixture(scope="module")
def course(tmp_path_factory, needs) -> CourseFolder:
    """A class with two that attack whoever looks at their pages, and two others, graded."""
    needs("bwrap")
    folder = CourseFolder(tmp_path_factory.mktemp("pages"))
    release(folder, ASSIGNMENT)
    for hostile in SUBMISSIONS:
        if hostile.name in ("script", "terminal"):
            path = hand_in(folder, hostile.name, hostile)
            notebook = nbformat.read(path, as_version=4)
            notebook.cells.append(nbformat.v4.new_markdown_cell(MARKDOWN))
            notebook.cells[-1].attachments = {"none.png": {}}
            notebook.cells[-3].source = MARKDOWN  # the answer in words
            nbformat.write(notebook, path)
    hand_in_sample(folder, "ann", "wrong_flipped_kernel")
    hand_in_sample(folder, "bob & co", "right_loops")
    assert grade(folder, ASSIGNMENT).problems == []
    feedback(folder, ASSIGNMENT)
    return folder


@pytest.fixture(scope="module")
def server(page, course, tmp_path_factory) -> Iterator[str]:
    """JupyterLab in the course folder, with the browser logged in."""
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ServerApp.allow_root=True"]
    with serve(command, course.root, tmp_path_factory.mktemp("home")) as address:
        page.goto(f"{address}/lab?token={TOKEN}", wait_until="domcontentloaded")
        yield address


def feedback_page(course: CourseFolder, learner: str) -> Path:
    return course.root / "feedback" / learner / ASSIGNMENT / f"{ASSIGNMENT}.html"


@pytest.mark.parametrize("learner", ["script", "terminal"])
def test_nothing_of_a_submission_acts_on_its_feedback_page(page: Page, course, learner) -> None:
    page.goto(feedback_page(course, learner).as_uri(), wait_until="domcontentloaded")
    page.wait_for_timeout(300)
    save(page, f"feedback-{learner}")
    assert page.title() == ASSIGNMENT
    assert page.evaluate(ATTACKS) == []
    assert not page.evaluate(TURNED)
    assert "HACKED" in (page.text_content("body") or "")


def test_an_honest_feedback_page_shows_verdict_mistake_and_heat_maps(page: Page, course) -> None:
    page.goto(feedback_page(course, "ann").as_uri(), wait_until="domcontentloaded")
    expect(page.get_by_text("Mistake: flips the kernel", exact=False).first).to_be_visible()
    assert page.locator("svg[role=img] rect").count() > 20
    assert page.locator("table tr").count() > 10
    expect(page.get_by_text("Read lecture 03, section", exact=False).first).to_be_visible()
    links = page.locator("a[href]").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert not [link for link in links if not link.startswith(("https://", "#"))]  # files lie elsewhere
    page.get_by_text("Mistake: flips the kernel").first.scroll_into_view_if_needed()
    save(page, "feedback-honest")


def test_formgrader_shows_the_judged_scores_and_a_grade_by_hand_survives_grading_again(
    page: Page, course, server
) -> None:
    with course.gradebook() as gradebook:
        notebook = gradebook.find_submission(ASSIGNMENT, "ann").notebooks[0]
        address = f"{server}/formgrader/submissions/{notebook.id}/"
    page.goto(f"{address}", wait_until="domcontentloaded")
    score = page.locator("input#conv2d")
    expect(score).to_have_attribute("placeholder", "0")
    expect(page.locator("input#output_size")).to_have_attribute("placeholder", "3")
    expect(page.get_by_text("Mistake: flips the kernel").first).to_be_visible()
    score.fill("2.5")
    score.blur()
    page.wait_for_timeout(1000)
    comment = page.locator("textarea#solution_conv2d-comment")
    comment.fill("Close: look at the kernel once more.")
    comment.blur()
    page.wait_for_timeout(1000)
    save(page, "formgrader")
    (
        course.root / "judged" / "ann" / f"{ASSIGNMENT}.json"
    ).unlink()  # so that all of it is judged and recorded again
    results = {(r.learner, r.task): r for r in grade(CourseFolder(course.root), ASSIGNMENT).results}
    assert (results["ann", "conv2d"].score, results["ann", "conv2d"].verdict) == (2.5, "graded by hand")
    assert results["ann", "output_size"].score == 3
    page.goto(f"{address}", wait_until="domcontentloaded")
    expect(page.locator("input#conv2d")).to_have_value("2.5")
    expect(page.locator("textarea#solution_conv2d-comment")).to_have_value(
        "Close: look at the kernel once more."
    )


def test_nothing_of_a_submission_acts_in_formgrader(page: Page, course, server) -> None:
    with course.gradebook() as gradebook:
        notebook = gradebook.find_submission(ASSIGNMENT, "script").notebooks[0]
        address = f"{server}/formgrader/submissions/{notebook.id}/"
    page.goto(address, wait_until="domcontentloaded")
    page.wait_for_timeout(500)
    assert "HACKED" not in page.title()
    inside = ATTACKS.replace('querySelectorAll("*")', 'querySelectorAll("#notebook-container *")')
    assert page.evaluate(inside) == []


def test_formgrader_s_own_button_judges_in_the_sandbox(page: Page, course, server) -> None:
    (course.root / "judged" / "ann" / f"{ASSIGNMENT}.json").unlink()
    page.goto(f"{server}/formgrader/manage_submissions/{ASSIGNMENT}")
    page.locator("tr").filter(has_text="ann").locator(".autograde a").click()
    expect(page.locator(".modal-body")).to_contain_text("Successfully", timeout=120_000)
    save(page, "formgrader-autograde")
    assert (course.root / "judged" / "ann" / f"{ASSIGNMENT}.json").exists()
