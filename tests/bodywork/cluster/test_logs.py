"""A log is read on after a line, whatever the kubelet has done to its files meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.cluster import stamps
from bodywork.cluster.client import Client
from bodywork.cluster.cron_logs import TickLogs
from bodywork.cluster.logs import read_pod_log
from bodywork.errors import EngineError
from bodywork.model.names import Namespace
from bodywork.model.run import LogLine
from tests.bodywork.cluster.controllers import JOBS, NAMESPACE, PODS
from tests.servers.kubernetes_objects import Objects

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NANOSECONDS = (0, 0, 0, 1, 7, 400_000_000, 999_999_999, 1_000_000_000, 3_000_000_000)
ZONES = (UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30)))


def stamped(nanoseconds: int, text: str, zone: timezone = UTC) -> bytes:
    """Return a line as the kubelet stamps it: nanoseconds, in the time zone of its node."""
    second, fraction = divmod(nanoseconds, 10**9)
    at = (NOON + timedelta(seconds=second)).astimezone(zone)
    offset = "Z" if zone is UTC else at.isoformat()[-6:]
    return f"{at:%Y-%m-%dT%H:%M:%S}.{fraction:09d}{offset} {text}".encode()


@dataclass
class Kubelet:
    """A container's log in files, of which the newest is told; it begins a new one at times.

    Attributes:
        cut: after so many lines of an answer its connection breaks.
        limit: how many bytes an answer may have at most.
    """

    written: list[tuple[int, bytes]] = field(default_factory=list)
    cut: int = 10**6
    asked: list[dict[str, str]] = field(default_factory=list)

    def write(self, nanoseconds: int, text: str, zone: timezone = UTC) -> None:
        self.written.append((nanoseconds, stamped(nanoseconds, text, zone)))

    def rotate(self) -> None:
        self.written.clear()

    def stream(self, path: str, query: dict[str, str]) -> Iterator[bytes]:
        self.asked.append(query)
        since = query.get("sinceTime")
        first = datetime.fromisoformat(since) if since else NOON - timedelta(days=1)
        left = int(query["limitBytes"])
        for nanoseconds, line in self.written[:]:
            if NOON + timedelta(seconds=nanoseconds // 10**9) < first:
                continue
            if self.cut == 0:
                return
            self.cut -= 1
            yield line[:left]
            left -= len(line) + 1
            if left <= 0:
                return

    def read(self, after: int, *, follow: bool = True) -> list[LogLine]:
        client = cast(Client, self)
        return list(read_pod_log(client, Namespace("shop"), "pod", after, follow=follow))


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(NANOSECONDS), st.sampled_from(ZONES)),
        st.tuples(st.just("read"), st.integers(0, 4), st.just(UTC)),
        st.tuples(st.just("rotate"), st.just(0), st.just(UTC)),
    ),
    max_size=30,
)


@given(ACTS)
def test_each_line_is_told_once_and_in_order_whatever_is_cut_and_rotated(
    acts: list[tuple[str, int, timezone]],
) -> None:
    kubelet, now, after = Kubelet(), 0, 0
    told: list[str] = []
    expected: list[str] = []  # what was still in the newest file when it could be read
    untold: list[str] = []
    number = 0
    for act, amount, zone in acts:
        if act == "write":
            now, number = now + amount, number + 1
            kubelet.write(now, f"line {number}", zone)
            untold.append(f"line {number}")
        elif act == "rotate":
            now += 1  # a new file is begun later than the last line was written
            kubelet.rotate()
            untold.clear()
        else:
            kubelet.cut = amount
            before = len(told)
            for line in kubelet.read(after):
                assert line.position > after
                after = line.position
                told.append(line.text)
            fresh = len(told) - before
            expected += untold[:fresh]
            del untold[:fresh]
    kubelet.cut = 10**6
    told += [line.text for line in kubelet.read(after)]
    assert told == expected + untold


def test_what_comes_after_a_rotation_is_told_from_its_first_line() -> None:
    kubelet = Kubelet()
    for number in range(5):
        kubelet.write(number, f"old {number}")
    after = kubelet.read(0)[-1].position
    kubelet.rotate()
    kubelet.write(6, "new")
    assert [line.text for line in kubelet.read(after)] == ["new"]


def test_a_pod_that_replaces_one_is_read_from_its_first_line() -> None:
    old, new = Kubelet(), Kubelet()
    for number in range(5):
        old.write(number, "old")
    new.write(10**9, "new")
    assert [line.text for line in new.read(old.read(0)[-1].position)] == ["new"]


def test_lines_of_a_clock_that_was_set_back_are_told() -> None:
    kubelet = Kubelet()
    for nanoseconds, text in ((9 * 10**9, "late"), (10**9, "early"), (10 * 10**9, "last")):
        kubelet.write(nanoseconds, text)
    lines = kubelet.read(0)
    assert [line.text for line in lines] == ["late", "early", "last"]
    assert [line.position for line in lines] == sorted({line.position for line in lines})


def test_the_time_of_a_line_is_that_of_its_stamp() -> None:
    kubelet = Kubelet()
    kubelet.write(1_500_000_001, "here", ZONES[1])
    assert kubelet.read(0)[0].at == NOON + timedelta(seconds=1.5)


def test_a_progress_bar_is_told_by_its_last_state() -> None:
    kubelet = Kubelet()
    kubelet.write(1, "".join(f"\r{step}/9999" for step in range(10_000)) + "\r")
    assert [line.text for line in kubelet.read(0)] == ["9999/9999"]


def test_what_has_no_stamp_is_told_and_moves_nothing() -> None:
    kubelet = Kubelet()
    kubelet.write(1, "one")
    kubelet.written.append((2, b"2026-99-99T12:00:00Z odd"))
    kubelet.written.append((2, b"unable to retrieve container logs"))
    one, odd, words = kubelet.read(0)
    assert (odd.position, words.position) == (one.position, one.position)
    assert (odd.text, words.text) == (
        "2026-99-99T12:00:00Z odd",
        "unable to retrieve container logs",
    )


@given(st.lists(st.tuples(st.sampled_from(NANOSECONDS[3:]), st.integers(1, 300)), max_size=30))
@pytest.mark.parametrize("follow", [True, False])
def test_a_log_of_several_answers_is_told_whole(
    follow: bool, written: list[tuple[int, int]]
) -> None:
    kubelet, now = Kubelet(), 0
    for nanoseconds, length in written:
        now += 10**9 + nanoseconds  # no second has more than an answer may bring
        kubelet.write(now, "x" * length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stamps, "LIMIT_BYTES", 1000)
        lines = kubelet.read(0, follow=follow)
    assert [len(line.text) for line in lines] == [length for _, length in written]


@pytest.mark.parametrize("lengths", [[5000], [100] * 50, [5000, 5000], [10, 5000, 10]])
def test_a_second_that_no_answer_holds_is_told_in_part_and_passed(
    monkeypatch: pytest.MonkeyPatch, lengths: list[int]
) -> None:
    monkeypatch.setattr(stamps, "LIMIT_BYTES", 1000)
    kubelet = Kubelet()
    for number, length in enumerate(lengths):
        kubelet.write(number, "x" * length)
    kubelet.write(2 * 10**9, "the next second")
    texts = [line.text for line in kubelet.read(0, follow=False)]
    assert texts[-2:] == [stamps.LEFT_OUT, "the next second"]
    assert texts[0].startswith("x")
    assert len(kubelet.asked) < 5


def test_a_log_that_cannot_be_read_is_told() -> None:
    class Refusing(Kubelet):
        def stream(self, path: str, query: dict[str, str]) -> Iterator[bytes]:
            yield stamped(1, "one")
            raise EngineError("no route to the node")

    one, why = Refusing().read(0)
    assert one.text == "one"
    assert why.text == "(the log cannot be read: no route to the node)"
    assert why.position == one.position


class Cluster(Kubelet):
    """One ended pod of one Job of a schedule, and its log."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = Objects()

    def get(self, path: str) -> object:
        collection, _, name = path.rpartition("/")
        return self.objects.get(collection, name)

    def list_all(self, path: str, **_: str) -> tuple[list[dict[str, object]], str]:
        return self.objects.list(path, {})[0], "1"


def test_lines_of_one_instant_are_all_told_of_a_schedule_too() -> None:
    cluster = Cluster()
    metadata = {"name": "nightly-1", "namespace": NAMESPACE}
    ended = {"conditions": [{"type": "Complete", "status": "True"}]}
    job = cluster.objects.create(JOBS, {"kind": "Job", "metadata": metadata, "status": ended})
    owner = {"kind": "Job", "uid": job["metadata"]["uid"], "controller": True}
    pod = {"metadata": {"name": "nightly-1-x", "namespace": NAMESPACE, "ownerReferences": [owner]}}
    state = {"terminated": {"exitCode": 0, "startedAt": "2026-01-01T12:00:00Z"}}
    containers = [{"name": "controller", "state": state}]
    told = {"phase": "Succeeded", "containerStatuses": containers}
    cluster.objects.create(PODS, pod | {"spec": {}, "status": told})
    for text in ("one", "two", "three"):
        cluster.write(7, text, ZONES[1])
    lines = TickLogs(cast(Client, cluster), NAMESPACE).read("nightly-1")
    assert [getattr(line, "text", line) for line in lines] == ["one", "two", "three"]
