"""Two runs of one project at once on this machine, seed by seed: no rule is broken in any."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pairs.director import Actor
from tests.pairs.scripts import FATES
from tests.pairs.stories import PAIR, Command, Story, draw_story
from tests.pairs.watch import Watch

SEEDS = range(1, 201)
ROW = 10
EVERY = bool(os.environ.get("BODYWORK_TEST_EVERY"))
ROWS = SEEDS[::ROW] if EVERY else SEEDS[: 2 * ROW : ROW]


@pytest.mark.skipif(sys.platform != "linux", reason="subreapers and /proc are Linux's")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("first", ROWS)
def test_pairs_keep_the_rules(first: int) -> None:
    command = [sys.executable, "-m", "tests.pairs", f"--seed={first}", f"--pairs={ROW}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{ROW} pairs, 0 broken" in done.stdout


def test_the_seeds_draw_all_that_may_happen() -> None:
    stories = [draw_story(seed) for seed in SEEDS]
    commands = [command for story in stories for command in story.commands]
    assert {each.kind for each in commands} == {"begin", "resume", "take-over", "cancel", "prune"}
    assert any(each.dies_at for each in commands)
    assert any(each.rests_at for each in commands)
    deployed = {fate for story in stories for fate in _fates(story)}
    assert deployed == set(FATES)
    assert {code for story in stories for run in PAIR for code in story.codes[run]} == {0, 1}
    assert {story.with_base for story in stories} == {True, False}


def _fates(story: Story) -> list[str]:
    return [story.fates[story.commits[run], "serve"] for run in PAIR]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    for run in PAIR:
        (tmp_path / "runs" / run).mkdir(parents=True)
        (tmp_path / "runs" / run / "checkpoint.json").write_text("{}")
    (tmp_path / "services/shop--serve").mkdir(parents=True)
    return Watch(tmp_path)


def put(watch: Watch, version: str, holder: str) -> list[str]:
    """Put files of a service there, look, and return which rules were broken."""
    service = watch.namespace / "services/shop--serve"
    claim = {"run": holder, "attempt": 1, "previous": "", "rolled_back": False}
    (service / "claim.json").write_text(json.dumps(claim))
    (service / "live.json").unlink(missing_ok=True)
    if version:
        nowhere = {"id": version, "address": "127.0.0.1", "real_port": 1}
        (service / "live.json").write_text(json.dumps(nowhere))
    before = len(watch.broken)
    with socket.socket() as nobody:
        actor = Actor("ctl-1", Command(0, "begin", PAIR[0]), 0, nobody)
        watch.after(actor, "rename services/somewhere")
    return sorted({each.partition(":")[0] for each in watch.broken[before:]})


def test_the_rules_can_be_broken(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "is_over", lambda self, run: False)
    monkeypatch.setattr(Watch, "stands", lambda self, service, version: True)
    assert put(watch, "run-1-1", "run-1") == ["service_answers"]
    assert put(watch, "run-2-1", "run-2") == ["one_claim_holder", "service_answers"]
    assert put(watch, "run-1-1", "run-2") == ["rolled_past", "service_answers"]
    assert put(watch, "", "run-2") == ["rolled_past", "service_answers"]
    assert put(watch, "run-2-2", "run-1") == [
        "change_under_claim", "one_claim_holder", "service_answers",
    ]  # fmt: skip
