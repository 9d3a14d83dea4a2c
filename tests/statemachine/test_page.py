"""docs/statemachine.md: its Python runs from top to bottom, as a reader would type it."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "statemachine.md"


def test_the_python_of_the_page_runs_as_it_is(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 6
    program = tmp_path / "page.py"
    program.write_text("\n".join(blocks))
    done = subprocess.run(
        [sys.executable, "-W", "error", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "sent {'euros': 12, 'charged': True}"
    assert lines[1] == "stateDiagram-v2"
    assert "    class s2 current" in lines  # what `load` returned is the path
    assert lines[-1].split()[1] == "enter:sent"


def test_the_example_has_as_many_lines_as_is_said_of_it() -> None:
    lines = (ROOT / "examples" / "orders" / "orders.py").read_text("utf-8").splitlines()
    assert 45 <= len(lines) <= 55
    for page in (PAGE, ROOT / "examples" / "orders" / "README.md"):
        assert "about fifty lines" in " ".join(page.read_text("utf-8").split())
