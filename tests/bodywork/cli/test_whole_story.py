"""Every word of a failure, its explanation and its resume, as a person at a shell sees it.

The real commands run in processes of their own. After a change that is meant, write the file again
with `python -m tests.bodywork.cli.test_whole_story` and read the difference.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.crash.workplace import BODYWORK, NAMESPACE, Workplace

GOLDEN = Path(__file__).parents[2] / "golden" / "cli" / "story.txt"
WHERE = f"--namespace={NAMESPACE}"
FILTERS = [
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "DATE TIME,MS"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "DATE TIME UTC"),
    (r"project-\d{8}-\d{6}-[0-9a-f]{4}", "RUN"),
    (r"\b[0-9a-f]{40}\b", "COMMIT"),
    (r"(?m)^(commit +)[0-9a-f]{12}$", r"\1SHORT"),
    (r"\(commit [0-9a-f]{12}\)", "(commit SHORT)"),
    (r"\b(commit|at) [0-9a-f]{7}\b", r"\1 SHORT"),
    (r"git version .*", "git version N"),
    (r"just now|\b\d+(\.\d+)?s ago", "a moment ago"),
    (r"\b\d+(\.\d+)?s\b", "N s"),
    (r" {2,}", "  "),  # columns are as wide as what is in them
]


def told(place: Workplace, *words: str) -> str:
    """Return a command with its exit code, and all that it prints."""
    done = subprocess.run(
        [*BODYWORK, *words],
        env={**os.environ, "BODYWORK_ENGINE": "local", **place.environment},
        capture_output=True,
        text=True,
        cwd=place.root,
    )
    lines = [f"$ bodywork {' '.join(words)}", done.stdout.rstrip()]
    lines += [f"stderr| {line}" for line in done.stderr.splitlines()]
    return "\n".join([*lines, f"exit code {done.returncode}", ""])


def story(root: Path) -> str:
    """Let a stage fail, look at it from all sides, mend it and resume."""
    place = Workplace(root)
    place.project("prepare >> train >> score")
    place.batch("prepare", "print('100 rows')\n")
    place.batch("train", "print('loading')\nraise SystemExit(7)\n", retries=0)
    place.batch("score", "print('scored')\n")
    place.commit()
    address = place.repository.as_uri()
    parts = [told(place, "workflow", WHERE, address, "main")]
    run = place.runs()[0]["run"]
    for words in (
        ["status", WHERE],
        ["status", WHERE, run],
        ["logs", WHERE, run, "train"],
        ["workflow", WHERE, "--resume", "--dry-run"],
        ["cancel", WHERE, run],
    ):
        parts.append(told(place, *words))
    place.batch("train", "print('loaded')\n")
    place.commit("mend")
    parts.append(told(place, "workflow", WHERE, "--resume", "--branch=main", "--dry-run"))
    parts.append(told(place, "workflow", WHERE, "--resume", "--branch=main"))
    parts.append(told(place, "status", WHERE, place.runs()[0]["run"]))
    parts.append(told(place, "workflow", WHERE, address, "nowhere"))
    return filtered("\n".join(parts), root)


def filtered(text: str, root: Path) -> str:
    """Return the text without what differs from one time and machine to another."""
    text = text.replace(str(root), "/ROOT")
    text = without_git(text)
    for pattern, stands in FILTERS:
        text = re.sub(pattern, stands, text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def without_git(text: str) -> str:
    """Drop what Git says, which differs between its versions."""
    spoken = re.compile(r"(Cloning into|From |warning:|fatal:|remote:| \* |Note:|HEAD is)")
    return "\n".join(line for line in text.splitlines() if not spoken.match(line))


def test_a_failure_is_told_explained_and_mended_in_the_words_on_record(tmp_path: Path) -> None:
    assert story(tmp_path / "work").splitlines() == GOLDEN.read_text("utf-8").splitlines()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text(story(Path(folder, "work")), "utf-8")
    sys.stdout.write(f"written: {GOLDEN}\n")
