"""What every engine must do: sentences of `bodywork.ports.Engine`, one suite for all of them.

Subclass `EngineContract` and give it the fixture `lab`. Its project `shop` has the batch stages
`good` and `bad` (which prints "boom" and exits with 1), and the services `serve`, which answers on
port 5000, and `broken`, which exits with 1.
"""

from dataclasses import replace
from typing import Protocol

import pytest

from bodywork.errors import EngineError, NotClaimed, OtherRepository, SourceLost
from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.repository import Deployer
from bodywork.model.run import Claim, HeldBy, Observation, Phase, StageRun, Unresolved
from bodywork.model.stage import Batch, Service, Stage
from bodywork.ports import Engine, IsOver

PROJECT = ProjectName("shop")
RUN = RunName("run-1")
COMMIT = "c" * 40
OURS, OTHERS = Deployer("host/ada/shop"), Deployer("host/bob/shop")
SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 5000), Handler).serve_forever()
"""
SCRIPTS = {
    "good": "print('done')",
    "bad": "print('boom')\nraise SystemExit(1)",
    "serve": SERVER,
    "broken": "raise SystemExit(1)",
}


class Lab(Protocol):
    """A place in which engines can be made, with a source for the run.

    Attributes:
        image: of the stages.
        address: what the address of a service begins with, on this machine.
    """

    namespace: Namespace
    image: str
    address: str

    def engine(self) -> Engine:
        """Return a new engine on the same place, as a new controller has it."""
        ...

    def publish(self, run: RunName) -> None:
        """Give another run a source of its own, of the same files."""
        ...


def batch(name: str) -> Stage:
    return Stage(StageName(name), Batch(60, 0), "main.py")


def service(name: str = "serve") -> Stage:
    return Stage(StageName(name), Service(20, 1, 5000), "main.py")


def attempt_of(lab: Lab, stage: str, number: int = 1) -> StageRun:
    return StageRun(lab.namespace, PROJECT, RUN, StageName(stage), number)


def start(lab: Lab, engine: Engine, stage: Stage, number: int = 1) -> StageRun:
    attempt = attempt_of(lab, stage.name, number)
    engine.ensure_job(attempt, stage, COMMIT, lab.image)
    return attempt


def finish(engine: Engine, attempt: StageRun) -> Observation:
    while not (seen := engine.observe_job(attempt)).phase.ended:
        engine.wait([attempt], None)
    return seen


def nothing_is_over(run: RunName) -> bool:
    return False


def all_but(attempt: StageRun) -> IsOver:
    """Return what says that each run but the attempt's has ended."""
    return lambda run: run != attempt.run


def owner_of(engine: Engine, is_over: IsOver) -> str:
    return engine.owner_of_service(PROJECT, service().name, is_over)


def claim(engine: Engine, attempt: StageRun, deployer: Deployer = OURS) -> Claim:
    """Take the claim, which no other unfinished run has."""
    answer = engine.claim_service(attempt, "image", deployer, all_but(attempt))
    assert isinstance(answer, Claim)
    return answer


def deploy(lab: Lab, engine: Engine, stage: Stage) -> tuple[StageRun, Observation]:
    attempt = attempt_of(lab, stage.name)
    claim(engine, attempt)
    return attempt, prove(lab, engine, attempt, stage)


def prove(lab: Lab, engine: Engine, attempt: StageRun, stage: Stage) -> Observation:
    """Deploy under the claim that was taken, until the version is ready or has failed."""
    engine.ensure_version(attempt, stage, COMMIT, lab.image)
    while (seen := engine.observe_version(attempt)).phase in (Phase.PENDING, Phase.RUNNING):
        engine.wait([attempt], None)
    return seen


def take_back(engine: Engine, attempt: StageRun) -> Observation:
    """Go back to no version at all, a step after the other."""
    return roll_back(engine, attempt, Claim())


def roll_back(engine: Engine, attempt: StageRun, claimed: Claim) -> Observation:
    """Go back to what was there when the claim was taken."""
    while (seen := engine.restore_version(attempt, claimed)).phase is Phase.RUNNING:
        engine.wait([attempt], 0.2)
    return seen


def other_run(attempt: StageRun) -> StageRun:
    """Return the same service's attempt of another run, with a source of its own."""
    return replace(attempt, run=RunName("run-2"))


class EngineContract:
    """The suite."""

    def test_an_attempt_that_was_never_started_is_absent(self, lab: Lab) -> None:
        assert lab.engine().observe_job(attempt_of(lab, "good")).phase is Phase.ABSENT
        assert lab.engine().observe_version(attempt_of(lab, "serve")).phase is Phase.ABSENT

    def test_a_job_goes_to_its_end(self, lab: Lab) -> None:
        engine = lab.engine()
        assert finish(engine, start(lab, engine, batch("good"))).phase is Phase.SUCCEEDED
        failed = finish(engine, start(lab, engine, batch("bad")))
        assert (failed.phase, failed.exit_code, failed.reason) == (Phase.FAILED, 1, "exit code 1")
        assert failed.tail[-1] == "boom"

    def test_starting_again_adopts_also_from_another_engine(self, lab: Lab) -> None:
        first, second = lab.engine(), lab.engine()
        uid = first.ensure_job(attempt_of(lab, "good"), batch("good"), COMMIT, lab.image)
        assert second.ensure_job(attempt_of(lab, "good"), batch("good"), COMMIT, lab.image) == uid
        assert finish(second, attempt_of(lab, "good")).uid == uid
        assert first.observe_job(attempt_of(lab, "good")).uid == uid

    def test_another_attempt_is_another_object(self, lab: Lab) -> None:
        engine = lab.engine()
        uids = {
            engine.observe_job(start(lab, engine, batch("good"), number)).uid for number in (1, 2)
        }
        assert len(uids) == 2

    def test_without_its_source_a_run_starts_nothing_new(self, lab: Lab) -> None:
        engine = lab.engine()
        engine.release(RUN)
        engine.release(RUN)
        with pytest.raises(SourceLost):
            start(lab, engine, batch("good"))
        assert engine.observe_job(attempt_of(lab, "good")).phase is Phase.ABSENT

    def test_stopping_what_ended_or_never_began_changes_nothing(self, lab: Lab) -> None:
        engine = lab.engine()
        seen = finish(engine, start(lab, engine, batch("good")))
        engine.stop_job(attempt_of(lab, "good"))
        engine.stop_job(attempt_of(lab, "bad"))
        assert engine.observe_job(attempt_of(lab, "good")) == seen
        assert engine.observe_job(attempt_of(lab, "bad")).phase is Phase.ABSENT

    def test_a_version_is_live_only_when_it_was_accepted(self, lab: Lab) -> None:
        engine = lab.engine()
        attempt, seen = deploy(lab, engine, service())
        assert seen.phase is Phase.READY
        assert seen.address.startswith(lab.address)
        assert engine.live_version(PROJECT, service().name) is None
        engine.accept_version(attempt)
        engine.accept_version(attempt)
        live = lab.engine().live_version(PROJECT, service().name)
        assert live
        assert (live.run, live.stage) == (RUN, "serve")

    def test_a_version_that_ends_has_failed(self, lab: Lab) -> None:
        _, seen = deploy(lab, lab.engine(), service("broken"))
        assert (seen.phase, seen.exit_code) == (Phase.FAILED, 1)

    def test_a_first_version_is_restored_to_nothing_also_by_another_engine(self, lab: Lab) -> None:
        attempt, _ = deploy(lab, lab.engine(), service())
        lab.engine().accept_version(attempt)
        for _ in range(2):
            assert take_back(lab.engine(), attempt).phase is Phase.ABSENT
        assert lab.engine().live_version(PROJECT, service().name) is None

    def test_a_claim_is_taken_once_and_says_what_was_there(self, lab: Lab) -> None:
        attempt = attempt_of(lab, "serve")
        first = claim(lab.engine(), attempt)
        assert first.previous is None
        assert claim(lab.engine(), attempt) == first
        assert lab.engine().live_version(PROJECT, service().name) is None

    def test_a_service_belongs_to_one_unfinished_run(self, lab: Lab) -> None:
        engine, (attempt, _) = lab.engine(), deploy(lab, lab.engine(), service())
        other = other_run(attempt)
        answer = engine.claim_service(other, "image", OURS, nothing_is_over)
        assert answer == HeldBy(RUN)
        with pytest.raises(NotClaimed):
            engine.ensure_version(other, service(), COMMIT, lab.image)
        with pytest.raises(NotClaimed):
            engine.accept_version(other)
        engine.accept_version(attempt)
        live = engine.live_version(PROJECT, service().name)
        assert live
        assert live.run == RUN
        over = engine.claim_service(other, "image", OURS, lambda run: run == RUN)
        assert isinstance(over, Claim)
        assert over.previous == live
        assert engine.claim_service(attempt, "image", OURS, nothing_is_over) == HeldBy(other.run)

    def test_a_run_that_lost_its_claim_changes_nothing(self, lab: Lab) -> None:
        engine, (attempt, _) = lab.engine(), deploy(lab, lab.engine(), service())
        engine.accept_version(attempt)
        live = engine.live_version(PROJECT, service().name)
        engine.claim_service(other_run(attempt), "image", OURS, lambda run: run == RUN)
        seen = roll_back(engine, attempt, Claim())
        assert seen.phase is Phase.READY
        assert "run-2" in seen.reason
        with pytest.raises(NotClaimed):
            engine.accept_version(attempt)
        assert engine.live_version(PROJECT, service().name) == live

    def test_after_a_roll_back_has_begun_nothing_is_deployed(self, lab: Lab) -> None:
        late, (attempt, _) = lab.engine(), deploy(lab, lab.engine(), service())
        assert take_back(lab.engine(), attempt).phase is Phase.ABSENT
        for change in (
            lambda: late.ensure_version(attempt, service(), COMMIT, lab.image),
            lambda: late.accept_version(attempt),
        ):
            with pytest.raises(NotClaimed):
                change()
        assert lab.engine().live_version(PROJECT, service().name) is None

    def test_a_controller_that_was_overtaken_takes_no_claim(self, lab: Lab) -> None:
        attempt = attempt_of(lab, "serve")
        lab.engine().abandon_claim(attempt, lab.image)
        lab.engine().abandon_claim(attempt, lab.image)

        def overtaken(run: RunName) -> bool:
            raise EngineError("another controller has taken the run over")

        with pytest.raises(EngineError):
            lab.engine().claim_service(attempt, "image", OURS, overtaken)
        assert isinstance(
            lab.engine().claim_service(other_run(attempt), "image", OURS, nothing_is_over), Claim
        )

    def test_a_service_of_another_repository_is_refused_until_it_is_adopted(self, lab: Lab) -> None:
        engine, (attempt, _) = lab.engine(), deploy(lab, lab.engine(), service())
        engine.accept_version(attempt)
        live, other = engine.live_version(PROJECT, service().name), other_run(attempt)
        assert live
        for is_over in (nothing_is_over, all_but(other)):
            assert owner_of(engine, is_over) == OURS.repository
            with pytest.raises(OtherRepository, match=r"shop--serve.*host/ada/shop.*host/bob/shop"):
                engine.claim_service(other, "image", OTHERS, is_over)
        assert lab.engine().live_version(PROJECT, service().name) == live
        claim(engine, attempt)  # the run's own is granted again

        adopting = replace(OTHERS, adopts=True)
        assert engine.claim_service(other, "image", adopting, nothing_is_over) == HeldBy(RUN)
        claimed = claim(engine, other, adopting)
        assert owner_of(engine, nothing_is_over) == OTHERS.repository
        lab.publish(other.run)
        assert prove(lab, engine, other, service()).phase is Phase.READY
        engine.accept_version(other)
        adopted = engine.live_version(PROJECT, service().name)
        assert adopted
        assert (adopted.run, adopted.repository) == (other.run, OTHERS.repository)
        with pytest.raises(OtherRepository):
            claim(engine, replace(attempt, run=RunName("run-3")))

        assert roll_back(lab.engine(), other, claimed).phase is Phase.READY
        restored = engine.live_version(PROJECT, service().name)
        assert restored
        assert (restored.run, restored.repository) == (RUN, OURS.repository)
        assert owner_of(lab.engine(), all_but(other)) == OURS.repository

    def test_what_was_deployed_before_repositories_were_on_record_is_ours(self, lab: Lab) -> None:
        engine, attempt = lab.engine(), attempt_of(lab, "serve")
        claim(engine, attempt, Deployer(""))
        assert prove(lab, engine, attempt, service()).phase is Phase.READY
        engine.accept_version(attempt)
        assert owner_of(engine, nothing_is_over) == ""
        assert claim(lab.engine(), other_run(attempt), OTHERS).previous

    @pytest.mark.parametrize("end", ["abandoned", "ended"])
    def test_a_name_that_a_run_has_left_with_nothing_deployed_is_free(
        self, lab: Lab, end: str
    ) -> None:
        attempt = attempt_of(lab, "serve")
        claim(lab.engine(), attempt)
        with pytest.raises(OtherRepository, match=f"{RUN} deploys it now"):
            lab.engine().claim_service(other_run(attempt), "image", OTHERS, nothing_is_over)
        if end == "abandoned":
            lab.engine().abandon_claim(attempt, lab.image)
        is_over = all_but(other_run(attempt))
        assert owner_of(lab.engine(), is_over) == ""
        assert claim(lab.engine(), other_run(attempt), OTHERS).previous is None

    def test_what_cannot_be_brought_back_is_kept(self, lab: Lab) -> None:
        engine, (attempt, _) = lab.engine(), deploy(lab, lab.engine(), service())
        engine.accept_version(attempt)
        live = engine.live_version(PROJECT, service().name)
        seen = roll_back(engine, attempt, Claim("", Unresolved("it was changed by hand")))
        assert seen.phase is Phase.FAILED
        assert "it was changed by hand" in seen.reason
        assert lab.engine().live_version(PROJECT, service().name) == live

    def test_forget_removes_a_run_but_not_what_is_live(self, lab: Lab) -> None:
        engine = lab.engine()
        finish(engine, start(lab, engine, batch("good")))
        attempt, _ = deploy(lab, engine, service())
        engine.accept_version(attempt)
        engine.forget(RUN)
        assert engine.observe_job(attempt_of(lab, "good")).phase is Phase.ABSENT
        assert engine.live_version(PROJECT, service().name)

    def test_a_wait_ends_with_its_time(self, lab: Lab) -> None:
        lab.engine().wait([], 0.01)

    def test_a_log_can_be_read_on_after_a_line(self, lab: Lab) -> None:
        engine = lab.engine()
        attempt = start(lab, engine, batch("bad"))
        finish(engine, attempt)
        *before, line = engine.read_log(attempt)
        assert line.text == "boom"
        assert list(engine.read_log(attempt, after=line.position)) == []
        ahead = before[-1].position if before else 0
        assert list(engine.read_log(attempt, after=ahead)) == [line]
