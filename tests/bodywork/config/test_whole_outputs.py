"""Every word that is said of each mistake, compared with what was reviewed.

After a change that is meant, write the file again with
`python -m tests.bodywork.config.test_whole_outputs` and read the difference.
"""

import tempfile
from pathlib import Path

from bodywork.config import check_project
from bodywork.errors import Problem
from tests.bodywork.config.cases import CASES
from tests.bodywork.config.projects import changed, shown

GOLDEN = Path(__file__).parents[2] / "golden" / "config" / "problems.txt"


def outputs(folder: Path) -> str:
    """Return what is said of each of the mistakes."""
    found = []
    for number, (file, old, new, *_) in enumerate(CASES):
        problems = check_project(changed(folder / str(number), file, old, new))
        told = [f"# {file}: {_cut(old)} -> {_cut(new)}", *(_line(each) for each in problems)]
        found.append("\n".join(told) + "\n")
    return "\n".join(found)


def _line(problem: Problem) -> str:
    kind = "warning: " if problem.warning else ""
    return f"{kind}{shown(problem)}" + (f" ({problem.hint})" if problem.hint else "")


def _cut(text: str) -> str:
    plain = ascii(text)
    return plain if len(plain) <= 80 else f"{plain[:76]} ..."


def test_each_mistake_is_told_in_the_words_on_record(tmp_path: Path) -> None:
    assert outputs(tmp_path).splitlines() == GOLDEN.read_text("utf-8").splitlines()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        GOLDEN.write_text(outputs(Path(place)), "utf-8")
