"""Generated requirement trees: what differs is never shared, and what is equal is not rebuilt.

A case is made from what it wants installed (packages, wheels, projects, commits, constraints,
settings) and written down in one of many layouts. The judge knows only what was wanted.
"""

import os
import random
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bodywork.local.environments import Wish

CASES = 500
COMMITS = [f"{digit}" * 40 for digit in "0123456789abcdef"]
SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_EXCLUDE_NEWER", "PIP_PRE")
PATH_FORMS = ("./{0}", "{1} @ file:{0}", "-e ./{0}", "--editable={0}", "file:{0}")
WHEEL_FORMS = ("./{0}", "{0}", "{1} @ file:{0}", "file:{0}")


@dataclass(frozen=True)
class Item:
    """One thing that is wanted: its kind, name, and what decides its content."""

    kind: str
    name: str
    value: str


@dataclass(frozen=True)
class Case:
    """What a stage wants."""

    items: tuple[Item, ...]
    settings: tuple[tuple[str, str], ...] = ()


@dataclass
class Layout:
    """How a case is written down: the same choices again for the same seed."""

    seed: int
    notes: bool = False
    files: dict[str, str] = field(default_factory=dict)
    choices: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.choices = random.Random(self.seed)

    def write(self, case: Case, folder: Path) -> None:
        """Write the stage's folder; the lines are spread over nested files."""
        self.choices.seed(self.seed)
        shutil.rmtree(folder, ignore_errors=True)
        names = ["requirements.txt"]
        lines: dict[str, list[str]] = {names[0]: []}
        for item in case.items:
            if self.choices.random() < 0.3:
                new = f"more/part{len(names)}.txt"
                host = self.choices.choice(names)
                shown = os.path.relpath(new, os.path.dirname(host) or ".")
                form = self.choices.choice(("-r {}", "-r{}", "--requirement={}"))
                lines[host].append(form.format(shown))
                lines[new] = []
                names.append(new)
            lines[self.choices.choice(names)].append(self._line(item, folder))
        for name, texts in lines.items():
            self._put(folder / name, "".join(f"{self._note()}{text}\n" for text in texts))

    def _line(self, item: Item, folder: Path) -> str:
        if item.kind == "index":
            return f"{item.name}=={item.value}"
        if item.kind == "git":
            return f"{item.name} @ git+https://host/{item.name}@{item.value}"
        if item.kind == "wheel":
            path = f"wheels/{item.name}-1-py3-none-any.whl"
            self._put(folder / path, item.value)
            return self.choices.choice(WHEEL_FORMS).format(path, item.name)
        if item.kind == "links":
            self._put(folder / item.name / "a-1-py3-none-any.whl", item.value)
            form = self.choices.choice(("--find-links {}", "-f {}", "--find-links={}"))
            return form.format(folder / item.name)
        if item.kind == "limit":
            self._put(folder / f"more/{item.name}.txt", f"{self._note()}{item.name}<{item.value}\n")
            limits = folder / f"more/{item.name}.txt"
            return self.choices.choice(("-c {}", "--constraint={}")).format(limits)
        path = f"libs/{item.name}"
        self._put(folder / path / "pyproject.toml", f"[project]\nname = '{item.name}'\n")
        self._put(folder / path / "deep/module.py", item.value)
        return self.choices.choice(PATH_FORMS).format(path, item.name)

    def _note(self) -> str:
        return "# a comment\n\n" if self.notes else ""

    def _put(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def generate(choices: random.Random) -> Case:
    kinds = ("index", "index", "wheel", "project", "git", "limit", "links")
    items = tuple(
        Item(kind := choices.choice(kinds), f"{kind}{number}", _value(choices, kind))
        for number in range(choices.randint(1, 5))
    )
    settings = tuple(
        (name, _value(choices, "index")) for name in SETTINGS if choices.random() < 0.2
    )
    return Case(items, settings)


def _value(choices: random.Random, kind: str) -> str:
    return choices.choice(COMMITS) if kind == "git" else f"{choices.randint(1, 40)}"


def change(case: Case, choices: random.Random) -> Case:
    """Return the case with one thing that it wants changed."""
    how = choices.choice(("value", "value", "value", "drop", "setting"))
    if how == "setting":
        return replace(case, settings=(*case.settings, (f"UV_RESOLUTION{choices.random()}", "x")))
    at = choices.randrange(len(case.items))
    item = case.items[at]
    new = () if how == "drop" else (replace(item, value=_different(choices, item)),)
    return replace(case, items=(*case.items[:at], *new, *case.items[at + 1 :]))


def _different(choices: random.Random, item: Item) -> str:
    while (value := _value(choices, item.kind)) == item.value:
        continue
    return value


def name_of(root: Path, case: Case, run: str = "run") -> str:
    variables = {"PIP_CONFIG_FILE": os.devnull, "HOME": str(root), **dict(case.settings)}
    return Wish.read(root, "one", variables, run).name()


def pass_over(root: Path, choices: random.Random) -> None:
    """Change what has nothing to do with the stage's environment."""
    for path in ("one/main.py", "two/requirements.txt", "README", "one/wheels/__init__.txt"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(str(choices.random()))


@pytest.mark.parametrize("part", range(5))
def test_generated_trees_share_what_is_equal_and_nothing_else(tmp_path: Path, part: int) -> None:
    known: dict[str, Case] = {}
    root, elsewhere = tmp_path / "here", tmp_path / "another-place"
    for seed in range(part * CASES // 5, (part + 1) * CASES // 5):
        choices = random.Random(seed)
        case = generate(choices)
        layout = Layout(seed)
        layout.write(case, root / "one")
        name = name_of(root, case)
        assert set(known.setdefault(name, case).items) == set(case.items), seed
        assert known[name].settings == case.settings, seed

        pass_over(root, choices)
        assert name_of(root, case, run="another run") == name, f"{seed}: rebuilt without need"
        shutil.rmtree(elsewhere, ignore_errors=True)
        noted = Layout(seed, notes=True)
        noted.write(case, elsewhere / "one")
        assert name_of(elsewhere, case) == name, f"{seed}: rebuilt at another place"

        changed = change(case, choices)
        if changed.items:
            layout.write(changed, root / "one")
            assert name_of(root, changed) != name, f"{seed}: shared wrongly"


def test_what_moves_is_not_shared_between_runs(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    for line in ("git+https://h/x@main", "https://h/x.whl", "hg+https://h/x", "-r https://h/r.txt"):
        (tmp_path / "one/requirements.txt").write_text(line)
        case = Case(())
        assert name_of(tmp_path, case, "a") != name_of(tmp_path, case, "b"), line
        assert name_of(tmp_path, case, "a") == name_of(tmp_path, case, "a"), line


def test_a_project_that_reads_beside_itself_is_known_by_the_whole_repository(
    tmp_path: Path,
) -> None:
    lib = tmp_path / "one/lib"
    lib.mkdir(parents=True)
    (tmp_path / "one/requirements.txt").write_text("./lib\n")
    (lib / "setup.py").write_text("open('../../version.txt')")
    names = set()
    for version in ("1", "2"):
        (tmp_path / "version.txt").write_text(version)
        names.add(name_of(tmp_path, Case(())))
    assert len(names) == 2


def test_no_secret_stands_in_a_name(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one/requirements.txt").write_text("six\n")
    case = Case((), (("PIP_INDEX_URL", "https://token:geheim@host/"),))
    assert "geheim" not in name_of(tmp_path, case)
