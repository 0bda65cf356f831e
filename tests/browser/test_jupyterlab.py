"""A learner's first hour, in a real JupyterLab in a real browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.jupyter import MINUTE, TOKEN, save, serve

RIGHT_CONV2D = """def conv2d(x, w, b, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("ncijkl,fckl->nfij", windows, w) + b[:, None, None]"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """`course lab` on a folder of its own; yields the address of JupyterLab."""
    folder = tmp_path_factory.mktemp("learner") / "my-course"
    command = [sys.executable, "-m", "course_utils.cli", "lab", str(folder), "--no-browser"]
    with serve(command, folder.parent, tmp_path_factory.mktemp("home")) as address:
        yield address


def open_notebook(page: Page, server: str, path: str) -> None:
    page.goto(f"{server}/lab/tree/{path}?token={TOKEN}&reset")
    page.locator(".jp-Notebook-cell").first.wait_for()
    idle(page)


def idle(page: Page) -> None:
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=2 * MINUTE)


def run_all(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    expect(page.locator(".jp-InputPrompt").filter(has_text="[1]:").first).to_be_visible(timeout=MINUTE)
    idle(page)


def scroll_to(page: Page, target: Locator) -> Locator:
    """Scroll the notebook until the target is drawn; JupyterLab only holds the cells near the window."""
    page.locator(".jp-WindowedPanel-outer").hover()
    for step in range(1, 401):
        if target.count() and target.first.is_visible():
            target.first.scroll_into_view_if_needed()
            return target.first
        page.mouse.wheel(0, 500 if step % 100 else -100_000)  # past the end: once more from the top
        page.wait_for_timeout(50)
    pytest.fail(f"not found in the notebook: {target}")


def picture(page: Page) -> str:
    return page.locator(".widget-image, .jupyter-widgets img").first.get_attribute("src") or ""


def test_the_lecture_runs_and_its_slider_moves(page, server) -> None:
    open_notebook(page, server, "lectures/03_convolution_layer.ipynb")
    run_all(page)
    scroll_to(page, page.locator(".widget-slider .noUi-handle"))
    page.wait_for_timeout(500)
    before = picture(page)
    save(page, "slider")
    page.locator(".widget-slider .noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("src => document.querySelector('.jupyter-widgets img').src != src", arg=before)
    assert picture(page) != before
    scroll_to(page, page.get_by_role("heading", name="What you learned"))
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0


def worked_by(page: Page) -> str:
    """Return the name of the control that has the keyboard, or nothing."""
    control = "document.activeElement.closest('.widget-inline-hbox')"
    return page.evaluate(f"() => {control}?.querySelector('.widget-label')?.textContent") or ""


MOVE, CHOOSE = ("ArrowRight",), ("Space", "ArrowDown", "Enter")
WIDGETS = [
    pytest.param("01_feedforward_review", "backpropagation()", "Step", MOVE, marks=pytest.mark.slow),
    pytest.param("02_why_convolution", "kernel_editor()", "Kernel", CHOOSE, marks=pytest.mark.slow),
    pytest.param("03_convolution_layer", "sliding_kernel()", "Position", MOVE, marks=pytest.mark.slow),
    ("03_convolution_layer", "output_size_playground()", "Padding means", CHOOSE),
    pytest.param("04_pooling", "widget = pooling_shift()", "Window K", MOVE, marks=pytest.mark.slow),
    pytest.param(
        "05_backprop_through_convolution", "backward_weight()", "Gradient of", CHOOSE, marks=pytest.mark.slow
    ),
]


@pytest.mark.parametrize(("lecture", "call", "control", "keys"), WIDGETS)
def test_a_widget_is_reached_with_tab_and_worked_by_keys(page, server, lecture, call, control, keys) -> None:
    open_notebook(page, server, f"lectures/{lecture}.ipynb")
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")  # imports and data
    cell = scroll_to(page, page.locator(".jp-CodeCell").filter(has=page.get_by_text(call, exact=True)))
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    shown = cell.locator(".jupyter-widgets img")
    said = cell.locator(".jupyter-widgets [role=status]")
    expect(shown).to_be_visible(timeout=MINUTE)
    before, words = shown.get_attribute("src") or "", said.text_content() or ""
    assert shown.get_attribute("alt") == words
    for _ in range(20):
        page.keyboard.press("Tab")
        if worked_by(page) == control:
            break
    assert worked_by(page) == control
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(200)  # the list of a dropdown takes a moment to open
    expect(shown).not_to_have_attribute("src", before)
    expect(said).not_to_have_text(words)
    assert worked_by(page) == control
    save(page, f"{lecture}-{call.split()[-1][:-2]}")


def test_the_exercise_checks_a_typed_answer(page, server) -> None:
    open_notebook(page, server, "exercises/ex02_convolution/ex02_convolution.ipynb")
    run_all(page)
    stub = scroll_to(page, page.locator(".jp-CodeCell").filter(has_text="def conv2d("))
    check = page.locator(".jp-CodeCell").filter(has_text="check(conv2d)").first
    expect(check).to_contain_text("not attempted")
    stub.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(RIGHT_CONV2D)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    expect(check).to_contain_text("8 of 8 points")
    expect(check).to_contain_text("passed: every case is right")
    save(page, "passed")


def test_a_mistake_is_named_and_its_link_opens_the_lecture(page, server) -> None:
    stub = scroll_to(page, page.locator(".jp-CodeCell").filter(has_text="def conv2d("))
    check = page.locator(".jp-CodeCell").filter(has_text="check(conv2d)").first
    stub.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(RIGHT_CONV2D.replace("windows, w)", "windows, w[:, :, ::-1, ::-1])"))
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    expect(check).to_contain_text("Mistake: flips the kernel")
    check.scroll_into_view_if_needed()
    save(page, "mistake")
    link = check.get_by_role("link", name="Convolution or cross-correlation")
    link.click()
    expect(page.get_by_role("tab", name="03_convolution_layer.ipynb")).to_be_visible()
    # JupyterLab goes to a section only in a notebook that it has drawn already.
    heading = page.get_by_role("heading", name="Convolution or cross-correlation")
    expect(heading).to_be_visible(timeout=MINUTE)
    idle(page)
    page.get_by_role("tab", name="ex02_convolution.ipynb").click()
    link.click()
    expect(heading).to_be_in_viewport(timeout=MINUTE)
    save(page, "section")
