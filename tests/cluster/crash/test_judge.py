"""The judge of the crash harness finds what it is there for."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from bodywork.cluster import labels
from tests.cluster.crash import judge
from tests.cluster.crash.judge import Evidence, Outcome, RunEnd
from tests.cluster.crash.points import Lesson, Point, Verdict
from tests.cluster.crash.table import Row, render
from tests.cluster.fuse import INSTANTS


def job(name: str) -> dict[str, Any]:
    borne = {labels.RUN: "r", labels.STAGE: "a", labels.ATTEMPT: "1"}
    return {"metadata": {"name": name, "labels": borne}}


def pod(phase: str) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "status": {"phase": phase}}


CLEAN = Evidence(
    records=(),
    created=Counter({"j": 1}),
    jobs=(job("j"),),
    pods=(pod("Failed"),),
    recorded=frozenset(),
    sources=(),
    deployments=(),
    services=(),
)


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    for find in (judge.find_doubles, judge.find_lost, judge.find_stuck, judge.find_left):
        assert list(find(CLEAN)) == []


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (replace(CLEAN, created=Counter({"j": 2})), "created 2 times"),
        (replace(CLEAN, jobs=(job("j"), job("k"))), "has 2 Jobs"),
    ],
)
def test_a_second_job_of_an_attempt_is_found(evidence: Evidence, told: str) -> None:
    [found] = judge.find_doubles(evidence)
    assert told in found


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (replace(CLEAN, jobs=()), "Job j"),
        (replace(CLEAN, recorded=frozenset({"r"})), "the record of run r"),
    ],
)
def test_what_was_there_and_is_not_is_found(evidence: Evidence, told: str) -> None:
    assert list(judge.find_lost(evidence)) == [told]


def test_what_is_left_over_is_found() -> None:
    source = {"metadata": {"name": "s", "ownerReferences": [{"kind": "ConfigMap"}]}}
    kept = {"metadata": {"name": "t", "ownerReferences": [{"kind": "Deployment"}]}}
    released = {labels.RELEASED: "the run has ended"}
    index = {"metadata": {"name": "i", "ownerReferences": [], "annotations": released}}
    claimed = {"metadata": {"annotations": {labels.CLAIM: '{"run": "gone", "attempt": 1}'}}}
    left = replace(
        CLEAN, pods=(pod("Running"),), sources=(source, kept, index), deployments=(claimed,)
    )
    assert list(judge.find_left(left)) == [
        "source s",
        "pod p goes on",
        "a claim of run gone, of which no end is on record",
    ]


def test_every_request_is_a_point_at_every_instant_and_only_writes_are_late() -> None:
    end = Outcome((RunEnd("succeeded", frozenset()),), frozenset(), frozenset())
    points = list(Lesson(("GET /a", "POST /b"), 0, end).points())
    assert points == [
        *(Point(1, when) for when in INSTANTS if when != "late"),
        *(Point(2, when) for when in INSTANTS),
    ]


def test_the_table_counts_each_kind_of_fault_and_what_was_not_reached() -> None:
    row = Row("batch", requests=2)
    row.add(Verdict(Point(1, "after"), created=3, tries=2, most=2, lost=["x"], stuck=["y"]))
    row.add(Verdict(Point(2, "late"), reached=False, created=1, tries=1, most=1, wrong=["z"]))
    assert str(row) == "| batch | 2 | 1 | 4 | 1.33333, at most 2 | 1 | 1 | 1 |"
    assert "1 points were not reached" in render([row])
