"""A record fits, whatever stages print, however often they fail and however many there are."""

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bodywork.model.names import RunName, StageName
from bodywork.model.run import Claim, ServiceVersion
from bodywork.model.workflow import Workflow
from bodywork.workflow import lifecycle
from bodywork.workflow.bounds import MOST_BYTES, budget_of, fit, shorten, size_of
from bodywork.workflow.progress import Attempt, Progress, StageProgress, Verdict
from bodywork.workflow.record import (
    as_recorded,
    parse_progress,
    problem_with_record,
    render_progress,
)
from statemachine.checkpoint import Checkpoint, Move
from statemachine.codec import decode, encode
from tests.bodywork.workflow.harness import (
    REQUEST,
    Office,
    Repository,
    batch,
    service,
    workflow,
)  # fmt: skip
from tests.fakes.engine import FAILED, World

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
UID = "123e4567-e89b-12d3-a456-426614174000"
SCRIPTS = {"ASCII": "x", "escaped": "\x1b", "quotes": '"', "Cyrillic": "ш", "emoji": "\U0001f600"}
RUN = RunName("iris-classifier-20260101-120000-1a2b")
OLD = ServiceVersion(f"{RUN}/stage-0-0/1", RUN, StageName("stage-0-0"), "c" * 40)


def worst(steps: int, beside: int, attempts: int, letter: str) -> Progress:
    """Return a run all of whose stages failed that often, and said as much as is kept."""
    names = [[f"stage-{step}-{n}" for n in range(beside)] for step in range(steps)]
    kind = (batch, service)
    stages = [tuple(kind[n % 2](name) for n, name in enumerate(step)) for step in names]
    project = workflow(*stages)
    line = letter * (200 if attempts < 100 else 5)
    attempt = Attempt(
        1, "failed", UID, NOON, NOON, 1, line * 20, True, True, (line,) * 20, line * 5
    )
    tries = tuple(replace(attempt, number=n) for n in range(1, attempts + 1))
    stage = StageProgress(
        "k" * 16, "run", line, RUN, tries, Claim(UID, OLD), "", "failed", line, line
    )
    verdict = Verdict("stage", line * 20, line * 5, names[0][0], attempts, 1, (line,) * 20)
    return Progress(
        RUN,
        REQUEST,
        "c" * 40,
        project,
        dict.fromkeys(project.stages, stage),
        verdict,
        "a user",
        modules={f"module{n}": f"folder/{letter * 20}{n}.py" for n in range(100)},
    )


def checkpoint(progress: Progress, steps: int) -> Checkpoint:
    """Return the last record of the run, after the longest way through its states."""
    path = [lifecycle.CREATED, lifecycle.CLONED]
    for step in range(1, steps + 1):
        path += [lifecycle.running(step), lifecycle.done(step)]
    path += [lifecycle.ROLLING_BACK, lifecycle.ROLLED_BACK]
    moves = tuple(Move(state, "roll-back", NOON) for state in path)
    return Checkpoint(
        RUN, "bodywork.run", path[-1], 10**6, 10**3, "w" * 16, "bodywork 1.0.0", NOON, NOON,
        render_progress(progress), moves,
    )  # fmt: skip


@pytest.mark.parametrize("letter", SCRIPTS)
@pytest.mark.parametrize(("steps", "beside"), [(500, 1), (1, 500), (50, 10)])
def test_500_stages_that_each_failed_100_times_fit(steps: int, beside: int, letter: str) -> None:
    attempts = 100 if beside == 10 and letter == "emoji" else 2
    progress = worst(steps, beside, attempts, SCRIPTS[letter])
    raw = encode(checkpoint(progress, steps))  # within the stores' limit
    kept = parse_progress(decode(raw).checkpoint.data)
    assert kept.shortened
    assert {name: stage.latest and stage.latest.number for name, stage in kept.stages.items()} == {
        name: stage.latest and stage.latest.number for name, stage in progress.stages.items()
    }
    cancelled = replace(kept, cancelled_by="x" * 100)
    encode(checkpoint(cancelled, steps), sealed=True)


def test_a_small_run_keeps_every_word() -> None:
    progress = worst(1, 3, 1, "x")
    assert as_recorded(progress) == progress


def sizes(kept: Progress) -> tuple[int, int, int]:
    attempts = [each for stage in kept.stages.values() for each in stage.attempts]
    return (
        sum(bool(each.tail) for each in attempts),
        sum(bool(each.hint) for each in attempts),
        len(attempts),
    )


@pytest.mark.parametrize(
    ("count", "left"), [(1, "all"), (8, "hints"), (60, "attempts"), (600, "the last")]
)
def test_lines_go_first_then_hints_then_earlier_attempts(count: int, left: str) -> None:
    kept = as_recorded(worst(1, 1, count, "x"))
    tails, hints, attempts = sizes(kept)
    expected = {
        "all": tails == hints == attempts,
        "hints": tails and hints == attempts == count,
        "attempts": not tails or tails < hints,
        "the last": attempts < count,
    }
    assert expected[left]
    assert kept.verdict is not None
    assert kept.verdict.tail
    assert kept.stages[StageName("stage-0-0")].attempts[-1].number == count
    assert kept.stages[StageName("stage-0-0")].tries == 0  # all were free


TEXTS = st.text(max_size=30).flatmap(
    lambda text: st.integers(0, 300).map(lambda times: text * times)
)
ATTEMPT = st.fixed_dictionaries(
    {"number": st.integers(1, 5)},
    optional={
        "state": st.sampled_from(["failed", "lost", "started", "succeeded"]),
        "uid": st.just(UID),
        "free": st.just(True),
        "reason": TEXTS,
        "hint": TEXTS,
        "tail": st.lists(TEXTS, max_size=20),
    },
)
STAGE = st.fixed_dictionaries(
    {"key": st.just("k" * 16)},
    optional={
        "attempts": st.lists(ATTEMPT, min_size=1, max_size=9),
        "why": TEXTS,
        "restoration_reason": TEXTS,
        "restoration_hint": TEXTS,
        "forgotten": st.integers(1, 99),
    },
)
VERDICT = st.fixed_dictionaries(
    {"fault": st.just("stage"), "reason": TEXTS},
    optional={
        "hint": TEXTS,
        "stage": st.sampled_from(["a", "b"]),
        "tail": st.lists(TEXTS, max_size=20),
        "details": st.lists(TEXTS, max_size=20),
    },
)
DATA = st.fixed_dictionaries(
    {"run": st.just("r"), "stages": st.dictionaries(st.sampled_from("abcdef"), STAGE)},
    optional={"verdict": VERDICT, "modules": st.dictionaries(st.sampled_from("xyz"), TEXTS)},
)


def decisive(data: dict[str, Any]) -> Any:
    """Return what a controller decides by."""
    return {
        name: [
            stage.get("forgotten", 0) + len(stage.get("attempts", ())),
            stage.get("forgotten_free", 0)
            + sum(each.get("free", False) for each in stage.get("attempts", ())),
            [
                {key: last[key] for key in last if key not in ("tail", "hint", "reason")}
                for last in stage.get("attempts", ())[-1:]
            ],
        ]
        for name, stage in data["stages"].items()
    }


@given(DATA, st.integers(0, 20_000))
@settings(deadline=None, max_examples=60)
def test_what_is_left_fits_and_decides_as_before(data: dict[str, Any], budget: int) -> None:
    before = copy.deepcopy(data)
    kept = fit(data, budget)
    least = fit(copy.deepcopy(before), 0)
    assert size_of(kept) <= max(budget, size_of(least)) + len(',"shortened":true')
    assert decisive(kept) == decisive(before)
    if size_of(before) <= budget:
        assert kept == before
    again = fit(copy.deepcopy(kept), budget)
    assert again == kept or size_of(kept) > budget


@given(st.text(), st.integers(10, 200))
def test_a_shortened_text_is_its_own_beginning_in_so_many_bytes(text: str, most: int) -> None:
    short = shorten(text, most)
    assert size_of(short) <= max(most, size_of("…"))
    assert short == text or text.startswith(short.removesuffix("…"))


@pytest.mark.parametrize("letter", ["ASCII", "emoji"])
def test_a_run_of_many_retries_ends_and_its_services_are_restored(letter: str) -> None:
    tail = (SCRIPTS[letter] * 200,) * 20
    failing = replace(FAILED, tail=tail, reason=SCRIPTS[letter] * 4000)
    one = batch("train", retries=30)
    office = Office(
        Repository(c0=workflow((service("serve"),), (one,))),
        world=World(outcomes={"train": [failing]}),
    )
    old = ServiceVersion("old", RunName("run-0"), StageName("serve"), "c")
    office.world.live["shop--serve"] = old
    last = office.run()
    assert last.state == lifecycle.ROLLED_BACK
    assert office.world.live["shop--serve"] == old
    progress = office.progress(last.id)
    latest = progress.stages[StageName("train")].latest
    assert latest is not None
    assert latest.number == 31
    assert progress.stages[StageName("train")].tries == 31
    assert size_of(last.data) <= budget_of(dict(last.data))


def test_a_record_from_before_is_read_as_it_is() -> None:
    data = json.loads(json.dumps(render_progress(worst(1, 2, 2, "x"))))
    assert not any("forgotten" in stage for stage in data["stages"].values())
    assert parse_progress(data).stages[StageName("stage-0-0")].forgotten == 0


def large(count: int, **changes: Any) -> Workflow:
    return workflow(*((replace(batch(f"s{n}"), **changes),) for n in range(count)))


def test_a_workflow_that_could_not_fit_is_found_before_it_runs() -> None:
    assert problem_with_record(large(500)) == ""
    assert "are too much for one run" in problem_with_record(large(2000))
    assert "KiB is the limit" in problem_with_record(large(10, args=("x" * 40_000,)))
    assert size_of(render_progress(worst(500, 1, 1, "x"))) <= MOST_BYTES
