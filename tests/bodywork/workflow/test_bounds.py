"""A record fits, whatever stages print, however often they fail and however many there are."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bodywork.errors import UsageError
from bodywork.model.names import LABEL_LENGTH, RunName, StageName
from bodywork.model.run import Claim, ServiceVersion, Unresolved
from bodywork.model.stage import Service, Stage
from bodywork.model.workflow import Workflow
from bodywork.workflow import lifecycle
from bodywork.workflow.bounds import budget_of, shorten
from bodywork.workflow.events import attempt_events
from bodywork.workflow.form_2 import render
from bodywork.workflow.progress import Attempt, Progress, StageProgress, Verdict
from bodywork.workflow.record import (
    as_recorded,
    most_bytes,
    parse_progress,
    problem_with_record,
    render_progress,
)
from statemachine.bounds import FAILURES_BYTES, OUTBOX_BYTES
from statemachine.checkpoint import Checkpoint, Move
from statemachine.codec import LIMIT_BYTES, decode, encode
from statemachine.hooks import Hook, Hooks, decide
from statemachine.outcome import Event
from statemachine.packing import size_of
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
CONFIG_MAP_BYTES = 1 << 20


def name(number: int, length: int = 12) -> str:
    """Return a stage's name of that length, all of it different from the others."""
    return f"S.{number}_".ljust(length - 3, "Q") + f"{number:03}"


def project_of(steps: int, beside: int, length: int = 12) -> Workflow:
    kinds = (batch, service)
    return workflow(
        *(
            tuple(kinds[n % 2](name(step * beside + n, length)) for n in range(beside))
            for step in range(steps)
        )
    )


def failed(number: int, text: str, lines: int = 20) -> Attempt:
    ended = NOON + timedelta(seconds=number)
    tail = tuple(f"{number} {n} {text}" for n in range(lines))
    words = f"{number} {text}"
    return Attempt(number, "failed", UID, NOON, ended, 1, words * 5, True, True, tail, words)


def worst(
    steps: int, beside: int, tries: int, letter: str, *, shared: bool = False, length: int = 12
) -> Progress:
    """Return a run all of whose stages failed that often, and said as much as is kept.

    `shared`: each says the same; else each says something else.
    """
    project = project_of(steps, beside, length)
    text = letter * (200 if tries < 100 else 5)
    stages = {}
    for number, stage in enumerate(project.stages):
        own = text if shared else f"{number} {text}"
        attempts = tuple(failed(n, own) for n in range(1, tries + 1))
        stages[stage] = StageProgress(why=own, attempts=attempts)
        if isinstance(project.stages[stage].kind, Service):
            old = ServiceVersion(
                f"{RUN}.{number}", RunName(f"run-{number}"), stage, f"{number:040}"
            )
            stages[stage] = replace(
                stages[stage],
                claim=Claim(UID, old),
                restoration="failed",
                restoration_reason=own,
                restoration_hint=own,
            )
    first = next(iter(stages))
    latest = stages[first].attempts[-1]
    verdict = Verdict("stage", latest.reason, latest.hint, first, tries, 1, latest.tail)
    modules = {f"module{n}": f"folder/{letter * 20}{n}.py" for n in range(100)}
    return Progress(RUN, REQUEST, "c" * 40, project, stages, verdict, "a user", modules=modules)


def checkpoint(progress: Progress, events: tuple[Event, ...] = ()) -> Checkpoint:
    """Return the last record of the run, after the longest way through its states, with these
    events due for two hooks."""
    path = [lifecycle.CREATED, lifecycle.CLONED]
    for step in range(1, progress.steps + 1):
        path += [lifecycle.running(step), lifecycle.done(step)]
    path += [lifecycle.ROLLING_BACK, lifecycle.ROLLED_BACK]
    moves = tuple(
        Move(state, "roll-back", NOON + timedelta(seconds=n * 12345.678901))
        for n, state in enumerate(path)
    )
    record = Checkpoint(
        RUN, "bodywork.run", path[-1], 10**6, 10**3, "w" * 16, "bodywork 1.0.0", NOON, NOON,
        render_progress(progress), moves,
    )  # fmt: skip
    hooks = Hooks([Hook(f"shop.hooks:tell_{n}", ("*",), print) for n in range(2)])
    return replace(record, outbox=decide(hooks, record, path[-2], "roll-back", events))


def decisive(progress: Progress) -> Any:
    """Return what a controller decides by."""
    return (
        [progress.run, progress.request, progress.commit, progress.workflow, progress.cancelled_by],
        progress.verdict and replace(progress.verdict, reason="", hint="", tail=(), details=()),
        {
            key: replace(
                stage,
                why="",
                restoration_reason="",
                restoration_hint="",
                attempts=tuple(
                    replace(each, reason="", hint="", tail=()) for each in stage.attempts[-1:]
                ),
                claim=stage.claim and replace(stage.claim, previous=stage.previous),
                forgotten=stage.forgotten + len(stage.attempts),
                forgotten_free=stage.forgotten_free + sum(each.free for each in stage.attempts),
            )
            for key, stage in progress.stages.items()
        },
    )


def check(progress: Progress, events: tuple[Event, ...] = ()) -> Progress:
    """Encode the progress as any state of its run, and its cancel; return what is kept of it."""
    raw = encode(checkpoint(progress, events))  # within the stores' limit
    kept = parse_progress(decode(raw).checkpoint.data)
    assert decisive(kept) == decisive(progress)
    cancelled = replace(kept, cancelled_by="\U0001f600" * 15, verdict=None)
    assert len(encode(checkpoint(cancelled, events), sealed=True)) < CONFIG_MAP_BYTES
    return kept


@pytest.mark.parametrize(
    ("steps", "beside", "tries", "letter"),
    [
        *((5, 10, 2, letter) for letter in SCRIPTS),
        (50, 10, 2, "quotes"),
        (500, 1, 2, "emoji"),
        (1, 500, 2, "escaped"),
        (10, 5, 100, "Cyrillic"),
    ],
)
def test_many_stages_that_each_failed_again_and_again_fit(
    steps: int, beside: int, tries: int, letter: str
) -> None:
    assert check(worst(steps, beside, tries, SCRIPTS[letter])).shortened


def test_words_that_all_stages_say_are_kept() -> None:
    progress = worst(50, 10, 1, "x", shared=True)
    assert as_recorded(progress) == progress


def test_a_small_run_keeps_every_word() -> None:
    progress = worst(1, 3, 1, "x")
    assert as_recorded(progress) == progress


def along_a_run(letter: str) -> Iterator[tuple[Progress, Progress]]:
    """Yield what is on record before and after some saves of a run of 500 services with the longest
    names, which are deployed, fail, and are rolled back one after the other."""
    project = workflow(tuple(service(name(n, LABEL_LENGTH - 6)) for n in range(500)))
    before = ServiceVersion("v" * 80, RunName("r" * 63), StageName("s" * 57), "c" * 40)
    text = letter * 4000

    def state(count: int, rest: StageProgress, **changes: Any) -> Progress:
        names = list(project.stages)
        done = StageProgress(why="a new run", claim=Claim(UID, before), **changes)
        stages = {each: done if n < count else rest for n, each in enumerate(names)}
        verdict = Verdict("stage", text, text, names[0], 1, 1, (text,) * 20)
        return Progress(RUN, REQUEST, "c" * 40, project, stages, verdict)

    planned = StageProgress(why="a new run")
    intended = StageProgress(why="a new run", attempts=(Attempt(1),), claim=Claim(UID, before))
    waiting = StageProgress(attempts=(Attempt(1, reason=text, hint=text),), waits_for="r" * 63)
    started = (Attempt(1, "started", UID, NOON, reason=text, hint=text),)
    ended = (replace(failed(1, text), tail=(text,) * 20),)
    states = [state(0, planned), state(0, intended), state(0, waiting)]
    states += [state(500, intended, attempts=started)]
    deployed = state(0, intended, attempts=started).stages[StageName(name(499, LABEL_LENGTH - 6))]
    states += [state(500, deployed, attempts=ended)]
    states += [
        state(
            count,
            replace(intended, attempts=ended),
            attempts=ended,
            restoration="failed",
            restoration_reason=text,
            restoration_hint=text,
        )
        for count in (1, 500)
    ]
    yield from pairwise(states)


@pytest.mark.parametrize("letter", ["ASCII", "escaped", "emoji"])
def test_each_record_along_a_run_of_500_services_fits_with_its_events(letter: str) -> None:
    for before, after in along_a_run(SCRIPTS[letter]):
        recorded = as_recorded(after)
        events = attempt_events(before, recorded)
        assert size_of([[each.topic, each.data] for each in events]) <= OUTBOX_BYTES
        kept = check(recorded, events)
        assert kept.verdict is not None
        assert kept.verdict.reason
        assert len(kept.verdict.tail) >= 5
        assert len(encode(checkpoint(recorded, events))) <= LIMIT_BYTES - FAILURES_BYTES


def sizes(kept: Progress) -> tuple[int, int, int]:
    attempts = [each for stage in kept.stages.values() for each in stage.attempts]
    return (
        sum(bool(each.tail) for each in attempts),
        sum(bool(each.hint) for each in attempts),
        len(attempts),
    )


@pytest.mark.parametrize(
    ("count", "left"), [(1, "all"), (13, "hints"), (60, "the last"), (600, "the last")]
)
def test_lines_go_first_then_hints_then_earlier_attempts(count: int, left: str) -> None:
    kept = as_recorded(worst(1, 1, count, "x"))
    tails, hints, attempts = sizes(kept)
    expected = {
        "all": tails == hints == attempts == count,
        "hints": tails < count and hints == attempts == count,
        "the last": attempts < count,
    }
    assert expected[left]
    assert kept.verdict is not None
    assert kept.verdict.tail
    [stage] = kept.stages.values()
    assert stage.attempts[-1].number == count
    assert stage.tries == 0  # all were free


def test_what_was_just_decided_is_kept_for_hooks_to_hear() -> None:
    """A failed attempt and the retry that follows are news of one save."""
    progress = worst(1, 2, 99, "x" * 100)
    stages = {
        key: replace(stage, attempts=(*stage.attempts, Attempt(100)))
        for key, stage in progress.stages.items()
    }
    kept = as_recorded(replace(progress, stages=stages))
    assert {stage.forgotten for stage in kept.stages.values()} == {98}
    for stage in kept.stages.values():
        assert [(each.number, each.state) for each in stage.attempts] == [
            (99, "failed"),
            (100, "intended"),
        ]


@given(
    st.integers(1, 60), st.integers(1, 100), st.sampled_from(sorted(SCRIPTS.values())),
    st.integers(8, 57), st.booleans(), st.booleans(),
)  # fmt: skip
@settings(deadline=None, max_examples=5, phases=[Phase.generate])
def test_any_run_fits_and_decides_as_before(
    stages: int, tries: int, letter: str, length: int, chained: bool, shared: bool
) -> None:
    steps, beside = (stages, 1) if chained else (1, stages)
    tries = min(tries, 400 // stages + 1)
    progress = worst(steps, beside, tries, letter, shared=shared, length=length)
    facts, words = most_bytes(progress.project)
    kept = check(progress)
    assert size_of(render_progress(kept)) <= facts + max(words, budget_of(stages))
    assert as_recorded(kept) == kept


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
    heard: list[tuple[str, object]] = []
    office.hooks = Hooks(
        [Hook("h", ("stage.failed",), lambda e: heard.append((e.topic, e.data["attempt"])))]
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
    assert heard == [("stage.failed", number) for number in range(1, 32)]
    assert size_of(last.data) <= budget_of(2) + 4096


def large(count: int, **changes: Any) -> Workflow:
    return workflow(*((replace(batch(f"s{n}"), **changes),) for n in range(count)))


def test_a_workflow_that_could_not_fit_is_found_before_it_runs() -> None:
    assert problem_with_record(large(500)) == ""
    assert problem_with_record(project_of(500, 1, LABEL_LENGTH - 6)) == ""
    assert "are too much for one run" in problem_with_record(large(2000))
    assert "KiB is the limit" in problem_with_record(
        workflow(*((replace(batch(f"s{n}"), args=("x" * 40_000, str(n))),) for n in range(10)))
    )


def typical(steps: int, beside: int) -> Checkpoint:
    """Return the last record of a run whose stages all succeeded at once, on a cluster."""

    def stage(number: int) -> Stage:
        made = batch(f"train-model-{number}", 2, tree=f"{number * 7919:040x}")
        return replace(made, script=f"train_model_{number}.py", cpu_request=0.5)

    project = workflow(
        *(tuple(stage(step * beside + n) for n in range(beside)) for step in range(steps))
    )
    began = NOON.replace(microsecond=0)
    stages = {
        key: StageProgress(
            why="a new run",
            attempts=(
                Attempt(
                    1, "succeeded", f"{number:08x}{UID[8:]}",
                    began + timedelta(seconds=60 * number),
                    began + timedelta(seconds=60 * number + 31), 0,
                ),
            ),
        )
        for number, key in enumerate(project.stages)
    }  # fmt: skip
    return checkpoint(Progress(RUN, REQUEST, "c" * 40, project, stages))


@pytest.mark.parametrize(("steps", "beside", "most"), [(500, 1, 250), (50, 10, 150)])
def test_what_a_stage_takes_of_a_record(steps: int, beside: int, most: int) -> None:
    """The figures of docs/operations.md."""
    assert len(encode(typical(steps, beside))) <= most * 500


@pytest.mark.parametrize(("kind", "most"), [(batch, 310), (service, 520)])
def test_what_a_stage_takes_at_the_most(kind: Any, most: int) -> None:
    """The figures of docs/operations.md: the longest names, nothing shared, nothing explained."""
    project = workflow(*((kind(name(n, LABEL_LENGTH - 6), tree=f"{n:040x}"),) for n in range(500)))
    facts, words = most_bytes(project)
    assert facts + words <= most * 500
    assert not problem_with_record(project)


def test_a_request_that_would_fill_the_record_is_refused() -> None:
    office = Office(Repository(c0=large(1)))
    with pytest.raises(UsageError, match="at most 12288 can be kept"):
        office.controller().begin(replace(REQUEST, repository="https://h/" + "x" * 13_000))
    assert office.store.list() == []


def test_who_cancels_may_have_any_name() -> None:
    office = Office(Repository(c0=large(2)))
    run = office.begin_and_die("step-1-running")
    last = office.controller().cancel(run, "\U0001f600" * 10_000)
    assert last.state == lifecycle.CANCELLED
    assert 0 < size_of(office.progress(run).cancelled_by) <= 200


def test_nothing_deployed_and_nothing_known_are_kept_apart() -> None:
    progress = worst(1, 1, 1, "x")
    [key] = progress.stages
    for before in (None, Unresolved(""), Unresolved("x" * 9000)):
        stage = replace(progress.stages[key], claim=Claim(UID, before))
        data = json.loads(json.dumps(render(progress.with_stage(key, stage), budget=0)))
        claim = parse_progress(data).stages[key].claim
        assert claim is not None
        assert type(claim.previous) is type(before)
