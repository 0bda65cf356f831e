"""The direction of imports: what ships to learners cannot reach what is the instructor's."""

from __future__ import annotations

import ast

import pytest
from places import ROOT

PACKAGE = ROOT / "course_utils"
INSTRUCTOR = ("course_utils.grading", "nbgrader", "jupytext")
FILES = sorted(path for path in PACKAGE.rglob("*.py"))


def imports(path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_command_line_and_grading_itself_import_grading(path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    if room not in ("grading", "cli.py"):
        assert not [name for name in imports(path) if name.startswith(INSTRUCTOR)]


@pytest.mark.parametrize("path", sorted((PACKAGE / "check").glob("*.py")), ids=lambda path: path.name)
def test_check_imports_the_standard_library_and_numpy_alone(path) -> None:
    heavy = ("torch", "matplotlib", "scipy", "pandas", "rich", "course_utils.figures", "course_utils.data")
    assert not [name for name in imports(path) if name.startswith(heavy)]


def test_the_package_imports_neither_torch_nor_matplotlib(run_python) -> None:
    code = "import sys, course_utils, course_utils.check, course_utils.data, course_utils.cli\n"
    code += "print(sorted({'torch', 'matplotlib', 'nbgrader', 'IPython', 'pooch'} & set(sys.modules)))"
    assert run_python(code).strip() == "[]"


def test_nothing_that_ships_names_the_folder_of_solutions_except_to_find_the_repository() -> None:
    for path in FILES:
        if path.relative_to(PACKAGE).parts[0] not in ("grading", "repository.py", "cli.py"):
            assert "solutions" not in path.read_text(encoding="utf-8"), path
