"""Where the parts of the course lie."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
LECTURES = sorted((ROOT / "lectures").glob("[0-9][0-9]_*.py"))
SOLUTIONS = sorted(path.parent for path in (ROOT / "solutions").glob("ex*/tasks.py"))
