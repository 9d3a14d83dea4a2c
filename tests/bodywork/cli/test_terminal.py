"""What a person sees on terminals of two sizes: no line wraps, names stay apart, heads stay."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from bodywork.model.names import StageName
from bodywork.workflow.progress import Request
from statemachine.stores.file import FileStore
from tests.bodywork.cli.conftest import Project
from tests.bodywork.cli.terminal import Screen, Terminal
from tests.bodywork.workflow.harness import NAMESPACE, Office, Repository, batch, workflow
from tests.fakes.engine import FAILED

SIZES = [(80, 24), (120, 40)]
NAMES: dict[str, Callable[[int], str]] = {
    "short": lambda number: f"s-{number}",
    "middle": lambda number: f"a-stage-with-a-rather-long-name-{number:03}-and-more-of-it-behind",
    "end": lambda number: f"a-stage-with-a-rather-long-name-and-more-of-it-behind-{number:03}",
}
GATE = """
import pathlib, time
print("at work")
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.02)
"""
ROW = re.compile(
    r"\s*(?:step )?(\d+|-|after)\s+(\S+)\s+(waiting|running|starting|succeeded|failed)"
)

sizes = pytest.mark.parametrize(("columns", "lines"), SIZES, ids=lambda size: str(size))
dags = pytest.mark.parametrize(
    ("count", "kind"), [(3, "short"), (3, "end"), (30, "middle"), (30, "end"), (120, "middle")]
)


def rows(lines: list[str]) -> list[tuple[str, str]]:
    """The name and state of each stage in a table."""
    found = (ROW.match(line) for line in lines)
    return [(row[2], row[3]) for row in found if row]


def tables_that_wrap(screen: Screen) -> list[str]:
    """Lines of tables, titles and rules that were too long: what is logged may be."""
    return [line for line in screen.wrapped if ROW.match(line) or line.startswith(("---", "shop-"))]


def apart(lines: list[str]) -> bool:
    """Whether no two stages of a table look the same."""
    names = [name for name, _ in rows(lines)]
    return bool(names) and len(names) == len(set(names))


REQUEST = Request(NAMESPACE, "https://example.com/ada/shop", "c0")


@pytest.fixture
def office(home: Path) -> Callable[..., Office]:
    def make(names: list[str], folder: str = "shop") -> Office:
        steps = [
            tuple(batch(name) for name in names[at : at + 3]) for at in range(0, len(names), 3)
        ]
        store = FileStore(home / "namespaces" / folder / "runs")
        return Office(Repository(c0=workflow(*steps)), store=store)

    return make


def names_of(kind: str, count: int) -> list[str]:
    return [NAMES[kind](number) for number in range(1, count + 1)]


# -- the table below a run's log ---------------------------------------------------------------


@sizes
@dags
def test_the_live_table_folds_what_waits_and_keeps_names_apart(
    home: Path, shop: Project, columns: int, lines: int, kind: str, count: int
) -> None:
    gate = home.with_name("gate")
    first, *later = names_of(kind, count)
    beside, then = later[:2], later[2:]
    shop.dag(" >> ".join([", ".join([first, *beside]), *then]))
    for name in (first, *later):
        shop.batch(name, GATE.format(gate=str(gate)), cpu_request=0.1)
    shop.commit()
    terminal = Terminal(["workflow", shop.url, "main"], {}, columns, lines)
    running = 3

    def all_run(screen: Screen) -> bool:
        return sum(state == "running" for _, state in rows(screen.visible)) == running

    screen = terminal.show(all_run)
    terminal.process.send_signal(signal.SIGINT)
    shown = screen.visible
    begin = max(at for at, line in enumerate(shown) if line.startswith("shop-20"))
    table = shown[begin:]
    assert len(table) <= max(4, lines // 2)
    assert apart(table)
    if count > lines // 2:
        assert table[-1].strip() == f"{count - running} more wait"
    else:
        assert len(rows(table)) == count
    assert terminal.end() == 4
    gate.touch()
    assert tables_that_wrap(screen) == []
    assert sum(line.startswith("shop-20") for line in screen.everything) == 1
    dashes = [line for line in screen.everything if line.startswith("-----")]
    assert dashes == []  # side by side: no titles


@sizes
def test_a_run_alone_has_rules_as_wide_as_the_screen(
    home: Path, shop: Project, columns: int, lines: int
) -> None:
    terminal = Terminal(["workflow", shop.url, "main"], {}, columns, lines)
    assert terminal.end() == 0
    rules = [line for line in terminal.screen.everything if line.startswith("-----")]
    assert rules == ["-" * columns] * 4
    assert "---- logs for shop--one" in terminal.screen.everything  # there are no pods here
    assert terminal.screen.everything.count("hello from one") == 1


@sizes
def test_side_by_side_each_line_stands_once_with_where_the_whole_log_is(
    home: Path, shop: Project, columns: int, lines: int
) -> None:
    shop.dag("one, two")
    shop.commit()
    terminal = Terminal(["workflow", shop.url, "main"], {}, columns, lines)
    assert terminal.end() == 0
    told = terminal.screen.everything
    assert told.count("[one] hello from one") == 1
    assert "hello from one" not in told
    text = "\n".join(told)
    run = re.search(r"\[two\] its whole log: bodywork logs (\S+) two", text)
    assert run, text


# -- status ------------------------------------------------------------------------------------


@sizes
@dags
def test_a_status_is_a_table_with_names_apart(
    home: Path, office: Callable[..., Office], columns: int, lines: int, kind: str, count: int
) -> None:
    place = office(names_of(kind, count))
    place.world.outcomes[StageName(NAMES[kind](2))] = [FAILED]
    run = place.run(REQUEST).id
    terminal = Terminal(["status", "-n", "shop", run], {}, columns, lines)
    assert terminal.end() == 0
    shown = terminal.screen.everything
    assert len(rows(shown)) == count
    assert apart(shown)
    assert tables_that_wrap(terminal.screen) == []


@sizes
@dags
def test_watching_stays_in_place_and_leaves_one_copy(
    home: Path, office: Callable[..., Office], columns: int, lines: int, kind: str, count: int
) -> None:
    place = office(names_of(kind, count))
    run = place.begin_and_die("step-1-running")
    terminal = Terminal(["status", "-n", "shop", run, "--watch"], {}, columns, lines)

    def drawn(screen: Screen) -> bool:
        return any(line.startswith("Next:") for line in screen.visible) and bool(screen.visible[0])

    screen = terminal.show(drawn)
    assert screen.visible[0] == f"run         {run}"
    assert apart(screen.visible)
    if count > lines:
        assert any(
            re.fullmatch(r"(\d+ more done, )?\d+ more wait", line) for line in screen.visible
        )
    place.controller().execute(run)
    assert terminal.end() == 0
    everything = screen.everything
    assert everything.count(f"run         {run}") == 1
    assert sum(line.startswith("state       succeeded") for line in everything) == 1
    assert len(rows(everything)) == count
    assert tables_that_wrap(screen) == []
    assert not screen.cursor.hidden


@sizes
def test_watching_never_scrolls_and_ctrl_c_leaves_one_copy(
    home: Path, office: Callable[..., Office], columns: int, lines: int
) -> None:
    place = office(names_of("end", 30))
    run = place.begin_and_die("step-3-running")
    terminal = Terminal(["status", "-n", "shop", run, "--watch"], {}, columns, lines)
    terminal.show(lambda screen: any(line.startswith("Next:") for line in screen.visible))
    for _ in range(2):
        place.controller(dies_in="step-5-running")
    assert terminal.screen.scrolled == []
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert terminal.screen.everything.count(f"run         {run}") == 1
    assert not terminal.screen.cursor.hidden


# -- lists -------------------------------------------------------------------------------------


@sizes
@pytest.mark.parametrize("repository", ["shop", "a-repository-with-a-rather-long-name-of-its-own"])
def test_the_list_of_runs_is_a_table_with_whole_names(
    home: Path, office: Callable[..., Office], columns: int, lines: int, repository: str
) -> None:
    place = office(["one"])
    request = Request(NAMESPACE, f"https://example.com/ada/{repository}", "c0")
    runs = {str(place.run(request).id) for _ in range(3)}
    terminal = Terminal(["status", "-n", "shop"], {}, columns, lines)
    assert terminal.end() == 0
    header, *listed = terminal.screen.visible
    assert header.split()[:2] == ["RUN", "STATE"]
    assert {line.split()[0] for line in listed} == runs
    assert terminal.screen.wrapped == []


@sizes
def test_a_list_that_is_watched_stays_in_place(
    home: Path, office: Callable[..., Office], columns: int, lines: int
) -> None:
    place = office(["one"])
    runs = []
    for _ in range(lines + 10):
        place.time.seconds += 1.0  # a run is named after its second
        runs.append(str(place.run(REQUEST).id))
    terminal = Terminal(["status", "-n", "shop", "--watch"], {}, columns, lines)
    screen = terminal.show(lambda screen: any("older" in line for line in screen.visible))
    assert screen.visible[0].startswith("RUN ")
    assert screen.visible[1].startswith(runs[-1])
    assert screen.scrolled == []
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.end() == 0
