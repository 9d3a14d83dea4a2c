"""One point: a command is killed at one of its requests, gone on with once, and judged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.cluster.crash import judge
from tests.cluster.crash.commands import KILLED
from tests.cluster.crash.ends import Ending
from tests.cluster.crash.judge import Evidence, Outcome
from tests.cluster.crash.place import Place
from tests.cluster.crash.scene import Scene
from tests.cluster.crash.workloads import Workload
from tests.cluster.fuse import INSTANTS, Fuse, When


@dataclass(frozen=True)
class Point:
    """Where to kill: at which request (from 1), and when."""

    number: int
    when: When

    def __str__(self) -> str:
        return f"{self.number} {self.when}"


@dataclass(frozen=True)
class Lesson:
    """What a run that is never killed does."""

    requests: tuple[str, ...]
    code: int
    outcome: Outcome

    def points(self) -> Iterator[Point]:
        """Yield every point there is; only a write can be late."""
        for number, request in enumerate(self.requests, 1):
            for when in INSTANTS:
                if when != "late" or not request.startswith("GET "):
                    yield Point(number, when)


@dataclass
class Verdict:
    """What was found of one point.

    Attributes:
        request: the one at which it was killed.
        reached: False where the command ended by itself before it came to the point.
        created: how many Jobs were created, of `tries` attempts.
        doubles, lost, stuck: as `judge` finds them.
        wrong: what else is not as in a run that was never killed.
    """

    point: Point
    request: str = ""
    reached: bool = True
    created: int = 0
    tries: int = 0
    most: int = 0
    doubles: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return [*self.doubles, *self.lost, *self.stuck, *self.wrong]


def learn(place: Place, workload: Workload) -> Lesson:
    """Carry a workload through without a kill, and count its requests."""
    scene, fuse = Scene(place), Fuse()
    since = judge.audit_position(scene)
    try:
        command = place.begin(*workload.prepare(scene), fuse=fuse)
        said = command.wait()
        scene.await_controllers()
        evidence = judge.collect(scene, since)
        outcome = judge.outcome(scene, evidence)
        told = f"{workload.name}: {said.err}"
        own = [each for each in evidence.records if each.name not in scene.companions]
        assert own[-1].state == workload.state, told
        left = [*judge.find_left(evidence), *scene.unanswered()]
        assert not left, f"{told}: {left}"
    finally:
        scene.clear()
    return Lesson(tuple(fuse.requests), said.code, outcome)


def attempt(place: Place, workload: Workload, lesson: Lesson, point: Point) -> Verdict:
    """Kill at a point, go on once, and judge."""
    scene, fuse = Scene(place), Fuse(point.number, point.when)
    since = judge.audit_position(scene)
    verdict = Verdict(point)
    try:
        arguments = workload.prepare(scene)
        before = set(scene.records())
        said = place.begin(*arguments, fuse=fuse).wait()
        verdict.reached = said.code == KILLED
        if verdict.reached:
            verdict.request = fuse.requests[point.number - 1]
            GoingOn(scene, workload, lesson, verdict).after(fuse, arguments, before)
        scene.await_controllers()
        _judge(scene, workload, lesson, verdict, judge.collect(scene, since))
    finally:
        scene.clear()
    return verdict


class GoingOn:
    """What a user does after the kill: one command per run, and no more."""

    def __init__(self, scene: Scene, workload: Workload, lesson: Lesson, verdict: Verdict) -> None:
        self._scene = scene
        self._workload = workload
        self._codes = {lesson.code} if workload.state != "succeeded" else {lesson.code, 0}
        self._verdict = verdict
        self._ended: set[str] = set()

    def after(self, fuse: Fuse, arguments: tuple[str, ...], before: set[str]) -> None:
        """End each run; a request that is late comes in between."""
        self._scene.place.plain.fuse = Fuse(on_save=_once(fuse))
        if self._workload.end == "resume" and not self._fresh(before):
            self._expect(arguments)  # nothing of it is on record
        else:
            self._end_all(before)
        _once(fuse)()
        self._end_all(before)

    def _fresh(self, before: set[str]) -> set[str]:
        return set(self._scene.records()) - before - self._scene.companions

    def _end_all(self, before: set[str]) -> None:
        for name, record in self._scene.records().items():
            if record.ended or name in self._ended or name in self._scene.companions:
                continue
            self._ended.add(name)
            if self._workload.end == "cancel":
                self._expect(("cancel", name))
            elif name not in before:
                self._expect(("workflow", "--resume", f"--run={name}"))

    def _expect(self, arguments: tuple[str, ...]) -> None:
        said = self._scene.run(*arguments)
        if "Traceback" in said.err or "bug in Bodywork" in said.err:
            self._verdict.wrong.append(said.err)
        if said.code not in self._codes:
            words = " ".join(arguments)
            self._verdict.wrong.append(f"{words} ended with code {said.code}: {said.err}")


def _once(fuse: Fuse) -> Callable[[], None]:
    """Return what delivers the late request; it is delivered once, however often it is asked."""

    def deliver() -> None:
        call, fuse.deliver = fuse.deliver, lambda: None
        call()

    return deliver


def _judge(
    scene: Scene, workload: Workload, lesson: Lesson, verdict: Verdict, evidence: Evidence
) -> None:
    verdict.created = sum(evidence.created.values())
    verdict.tries = len(evidence.created)
    verdict.most = max(evidence.created.values(), default=0)
    verdict.doubles += judge.find_doubles(evidence)
    verdict.lost += judge.find_lost(evidence)
    verdict.stuck += judge.find_stuck(evidence)
    late = verdict.point.when == "late"
    if not late:  # a part of a source that arrives after the end stays until the record goes
        verdict.wrong += judge.find_left(evidence)
    ending = Ending(scene, lesson.outcome, judge.outcome(scene, evidence), evidence, late)
    verdict.wrong += workload.check(ending)
    verdict.wrong += scene.unanswered()
