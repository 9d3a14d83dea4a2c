"""A service on a cluster belongs to one run at a time, whatever comes between look and write."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bodywork.cluster import labels
from bodywork.cluster.deployments import SETTLE_SECONDS
from bodywork.cluster.errors import Conflict
from bodywork.cluster.versions import version_of
from bodywork.errors import EngineError, NotClaimed
from bodywork.model.names import RunName
from bodywork.model.run import Claim, HeldBy, Phase, ServiceVersion, Unresolved
from statemachine.errors import Fenced
from tests.bodywork.cluster.shop import (
    DEPLOYMENTS,
    MAPS,
    NAME,
    SERVICES,
    SETS,
    Desk,
    Shop,
    claim_of,
)

Found = dict[str, Any]


def once(act: Callable[[], None]) -> Callable[[], None]:
    """Return the act as something that happens the first time only."""
    left = [act]

    def happen() -> None:
        if left:
            left.pop()()

    return happen


def version_in(shop: Shop) -> str:
    found = shop.deployment()
    assert found
    return version_of(found)


def live_of(shop: Shop) -> str:
    found = shop.deployment()
    return labels.annotation(found, labels.ACCEPTED) if found else ""


def test_a_roll_back_from_a_stale_view_deletes_nothing_of_another_run() -> None:
    shop = Shop()
    first, second = shop.desk("run-a"), shop.desk("run-b")
    claim = first.deploy()
    assert claim.previous is None
    shop.over.add("run-a")  # its record was deleted; the controller does not know yet
    second.deploy()
    assert labels.holder_of(first.watched.objects()[0]) == "run-a"
    seen = first.restore(claim)
    assert (seen.phase, seen.reason) == (Phase.READY, "run run-b has claimed it since")
    assert live_of(shop) == "run-b/1"
    assert (SERVICES, NAME) in shop.objects.kept


@pytest.mark.parametrize("existing", [False, True])
def test_what_comes_between_the_look_and_the_write_of_a_roll_back_wins(existing: bool) -> None:
    shop = Shop()
    if existing:
        shop.desk("run-0").deploy()
        shop.over.add("run-0")
    first, second = shop.desk("run-a"), shop.desk("run-b")
    claim = first.deploy()

    def overtake() -> None:
        shop.over.add("run-a")
        second.deploy()

    first.client.between = once(overtake)
    assert first.restore(claim).reason == "run run-b has claimed it since"
    assert live_of(shop) == "run-b/1"
    assert (SERVICES, NAME) in shop.objects.kept


def test_a_service_that_another_run_uses_by_now_is_not_deleted() -> None:
    shop = Shop()
    first, second = shop.desk("run-a"), shop.desk("run-b")
    claim = first.deploy()
    assert first.services.restore(first.attempt, claim).phase is Phase.RUNNING  # the Deployment

    def overtake() -> None:
        shop.over.add("run-a")
        second.deploy()

    first.client.between = once(overtake)
    first.services.restore(first.attempt, claim)
    assert (SERVICES, NAME) in shop.objects.kept


def test_a_service_goes_with_the_deployment_that_it_leads_to() -> None:
    shop = Shop()
    shop.desk("run-a").deploy()
    first = owner_of_service(shop)
    shop.objects.delete(DEPLOYMENTS, NAME, {})
    shop.over.add("run-a")
    shop.desk("run-b").deploy()
    deployment = shop.deployment()
    assert deployment
    assert owner_of_service(shop) == deployment["metadata"]["uid"] != first


def test_a_service_is_only_created_by_who_controls_the_run() -> None:
    shop = Shop()
    late = shop.desk("run-a")
    late.claim()

    def overtaken() -> None:
        raise Fenced("another controller has taken the run over")

    late.client.require_ownership = overtaken
    with pytest.raises(Fenced):
        late.ensure()
    assert (SERVICES, NAME) not in shop.objects.kept


def owner_of_service(shop: Shop) -> str:
    """Return the uid of the Service's one owner."""
    [owner] = shop.objects.kept[SERVICES, NAME]["metadata"]["ownerReferences"]
    return str(owner["uid"])


@pytest.mark.parametrize("existing", [False, True])
def test_a_late_change_of_an_overtaken_controller_does_not_land(existing: bool) -> None:
    shop = Shop()
    if existing:
        shop.desk("run-0").deploy()
        shop.over.add("run-0")
    late, successor = shop.desk("run-a"), shop.desk("run-a")
    claim = late.claim()
    late.client.between = once(lambda: _expect_end(successor, claim, existing=existing))
    with pytest.raises(NotClaimed):
        late.ensure()
    assert live_of(shop) == ("run-0/1" if existing else "")
    assert "run-a/1" not in shop.versions()


@pytest.mark.parametrize("existing", [False, True])
def test_a_version_that_a_successor_begins_meanwhile_is_gone_on_with(existing: bool) -> None:
    shop = Shop()
    if existing:
        shop.desk("run-0").deploy()
        shop.over.add("run-0")
    late, successor = shop.desk("run-a"), shop.desk("run-a")
    late.claim()

    def begin() -> None:
        successor.ensure()
        shop.roll_out()

    late.client.before_list = once(begin)  # after the Deployment was read
    late.ensure()
    assert sum(request.startswith("PUT") for request in late.client.sent) == 0
    assert version_of(late.watched.objects()[0]) == "run-a/1"


def _expect_end(successor: Desk, claim: Claim, *, existing: bool) -> None:
    phase = successor.restore(claim).phase
    assert phase is (Phase.READY if existing else Phase.ABSENT)


@pytest.mark.parametrize("existing", [False, True])
def test_a_late_claim_of_an_overtaken_controller_does_not_land(existing: bool) -> None:
    shop = Shop()
    if existing:
        shop.desk("run-0").deploy()
        shop.over.add("run-0")
    late, successor = shop.desk("run-a"), shop.desk("run-a")
    overtaken: list[int] = []

    def overtake() -> None:
        overtaken.append(1)
        successor.services.abandon_claim(successor.attempt, "image")

    def is_over(run: RunName) -> bool:
        if run == "run-a" and overtaken:
            raise EngineError("another controller has taken the run over")
        return run in shop.over

    late.client.between = once(overtake)
    with pytest.raises(EngineError):
        late.services.claim(late.attempt, "image", late.deployer, is_over)
    found = shop.deployment()
    assert found
    assert labels.holder_of(found) in (None, "run-0")
    assert shop.desk("run-b").claim().previous == (
        ServiceVersion("run-0/1", RunName("run-0"), late.attempt.stage, "commit-of-run-0")
        if existing
        else None
    )


def test_two_first_deployments_at_once_are_one_after_the_other() -> None:
    shop = Shop()
    first, second = shop.desk("run-a"), shop.desk("run-b")
    first.client.between = once(lambda: _deploy_only(second))
    assert first.services.claim(first.attempt, "image", first.deployer, first.is_over) == HeldBy(
        RunName("run-b")
    )
    assert claim_of(shop.deployment()) == "run-b"


def _deploy_only(desk: Desk) -> None:
    desk.deploy()


def lose_annotation(body: Found) -> None:
    del body["metadata"]["annotations"][labels.ACCEPTED]


def lose_version(body: Found) -> None:
    lose_annotation(body)
    del body["spec"]["template"]["metadata"]["annotations"][labels.VERSION]


def two_versions() -> Shop:
    """Return a shop in which run-2 has deployed after run-1."""
    shop = Shop()
    for run in ("run-1", "run-2"):
        shop.desk(run).deploy()
        shop.over.add(run)
    return shop


def undo(shop: Shop) -> None:
    """Let somebody put run-1's version back by hand."""
    older = next(
        each["spec"]["template"]
        for (place, _), each in shop.objects.kept.items()
        if place == SETS
        and labels.annotation(each["spec"]["template"], labels.VERSION) == "run-1/1"
    )
    shop.change(lambda body: body["spec"].update(template=older))
    shop.roll_out()


def do(desk: Desk, what: str) -> None:
    """Let a run's controller take one of its steps."""
    if what == "to deploy":
        desk.ensure()
    elif what == "to accept":
        desk.services.accept(desk.attempt)
    else:
        desk.services.abandon_claim(desk.attempt, "image")


@pytest.mark.parametrize("late", ["to deploy", "to accept"])
def test_a_run_whose_claim_another_one_has_by_now_changes_nothing(late: str) -> None:
    shop = two_versions()
    first, second = shop.desk("run-a"), shop.desk("run-b")
    first.claim()
    if late == "to accept":
        first.ensure()
        shop.roll_out()
    shop.over.add("run-a")
    second.claim()
    before = shop.deployment()
    with pytest.raises(NotClaimed, match="run run-b has the claim"):
        do(first, late)
    assert shop.deployment() == before


@pytest.mark.parametrize("late", ["to deploy", "to accept"])
@given(st.lists(st.sampled_from(["gives up", "claims", "deploys"]), max_size=3))
@settings(deadline=None, max_examples=30)
def test_whatever_other_runs_do_after_a_roll_back_an_overtaken_controller_changes_nothing(
    late: str, acts: list[str]
) -> None:
    shop = two_versions()
    overtaken, successor = shop.desk("run-a"), shop.desk("run-a")
    claim = overtaken.claim()
    if late == "to accept":
        overtaken.ensure()
        shop.roll_out()
    while successor.restore(claim).phase is Phase.RUNNING:
        shop.roll_out()
    shop.over.add("run-a")
    for number, act in enumerate(acts):
        other = shop.desk(f"run-b{number}")
        if act == "deploys":
            other.deploy()
        elif act == "claims":
            other.claim()
        if act != "deploys":
            other.services.abandon_claim(other.attempt, "image")
        shop.over.add(f"run-b{number}")
    before = shop.deployment()
    with pytest.raises(NotClaimed):
        do(overtaken, late)
    assert shop.deployment() == before


@pytest.mark.parametrize("late", ["to deploy", "to accept", "to give up"])
def test_who_controls_the_run_is_asked_after_each_look_at_a_deployment(late: str) -> None:
    shop = two_versions()
    desk = shop.desk("run-a")
    desk.claim()
    if late == "to accept":
        desk.ensure()
        shop.roll_out()
    before = shop.deployment()

    def overtaken() -> None:
        raise Fenced("another controller has taken the run over")

    desk.client.require_ownership = overtaken
    with pytest.raises(Fenced):
        do(desk, late)
    assert shop.deployment() == before


def test_what_a_roll_back_comes_back_to_is_decided_once_when_the_claim_is_taken() -> None:
    shop = two_versions()
    dead, successor = shop.desk("run-3"), shop.desk("run-3")
    decided = dead.claim().previous
    assert isinstance(decided, ServiceVersion)
    assert decided.id == "run-2/1"
    undo(shop)
    assert successor.claim().previous == decided


def test_after_an_undo_by_hand_what_answers_is_what_a_roll_back_comes_back_to() -> None:
    shop = two_versions()
    undo(shop)
    desk = shop.desk("run-3")
    claim = desk.deploy()
    assert isinstance(claim.previous, ServiceVersion)
    assert claim.previous.id == "run-1/1"
    assert desk.restore(claim).phase is Phase.READY
    found = shop.deployment()
    assert found
    assert version_of(found) == "run-1/1"


def test_after_a_lost_annotation_what_answers_comes_back() -> None:
    shop = two_versions()
    shop.change(lose_annotation)
    desk = shop.desk("run-3")
    claim = desk.deploy()
    assert desk.restore(claim).phase is Phase.READY
    assert live_of(shop) == "run-2/1"


@pytest.mark.parametrize("change", [lose_version, "pruned"])
def test_what_cannot_be_resolved_is_never_deleted(change: Any) -> None:
    shop = two_versions()
    if change == "pruned":  # and another run's version stands half rolled out
        left = shop.desk("run-x")
        left.claim()
        left.ensure()
        shop.over.add("run-x")
        for place, name in [key for key in shop.objects.kept if key[0] == SETS]:
            del shop.objects.kept[place, name]
    else:
        shop.change(change)
    desk = shop.desk("run-3")
    claim = desk.claim()
    assert isinstance(claim.previous, Unresolved)
    desk.ensure()
    shop.roll_out()
    seen = desk.restore(claim)
    assert (seen.phase, seen.reason[:21]) == (Phase.FAILED, "it was kept as it is:")
    assert shop.deployment()
    assert (SERVICES, NAME) in shop.objects.kept
    assert not [each for each in desk.client.sent if each.startswith("DELETE")]


def count_ended_pods(shop: Shop, available: int) -> None:
    """Let the first ReplicaSet, which is to have no pods any more, count so many."""
    [(place, name), *_] = sorted(key for key in shop.objects.kept if key[0] == SETS)
    body = shop.objects.get(place, name)
    body["spec"]["replicas"], body["status"] = 0, {"availableReplicas": available}
    shop.objects.replace(place, name, body)


def test_a_roll_back_changes_nothing_while_pods_count_that_have_ended() -> None:
    shop = two_versions()
    desk = shop.desk("run-3")
    claim = desk.deploy()
    count_ended_pods(shop, 1)
    for _ in range(3):
        assert desk.services.restore(desk.attempt, claim).phase is Phase.RUNNING
        assert version_in(shop) == "run-3/1", "a pod of it is all that answers"
    count_ended_pods(shop, 0)
    assert desk.services.restore(desk.attempt, claim).phase is Phase.RUNNING
    assert version_in(shop) == "run-2/1"
    assert desk.restore(claim).phase is Phase.READY


def test_a_count_that_never_becomes_right_holds_no_roll_back_for_ever() -> None:
    shop = two_versions()
    desk = shop.desk("run-3")
    claim = desk.deploy()
    count_ended_pods(shop, 1)
    desk.services.restore(desk.attempt, claim)
    desk.view.now += SETTLE_SECONDS
    desk.services.restore(desk.attempt, claim)
    assert version_in(shop) == "run-2/1"


@pytest.mark.parametrize("answers", [True, False], ids=["accepted", "not accepted"])
def test_a_late_port_of_a_version_that_was_kept_does_not_come(answers: bool) -> None:
    shop = two_versions()
    shop.change(lose_version)
    late, desk = shop.desk("run-3"), shop.desk("run-3")
    claim = late.claim()
    late.ensure()
    shop.roll_out()
    if answers:
        late.services.accept(late.attempt)
    before = shop.objects.get(SERVICES, NAME)  # as the late controller has read it
    assert desk.restore(claim).phase is Phase.FAILED
    kept = shop.objects.get(SERVICES, NAME)
    assert kept["spec"] == before["spec"]
    with pytest.raises(Conflict):
        late.client.replace(f"{SERVICES}/{NAME}", before)
    assert desk.restore(claim).phase is Phase.FAILED
    assert shop.objects.get(SERVICES, NAME) == kept, "once is enough"


def test_the_service_of_somebody_else_is_not_written_when_a_version_is_kept() -> None:
    shop = two_versions()
    shop.change(lose_version)
    desk = shop.desk("run-3")
    claim = desk.claim()
    desk.ensure()
    body = shop.objects.get(SERVICES, NAME)
    body["metadata"]["labels"] = {"team": "blue"}
    shop.objects.replace(SERVICES, NAME, body)
    before = shop.objects.get(SERVICES, NAME)
    assert desk.restore(claim).phase is Phase.FAILED
    assert shop.objects.get(SERVICES, NAME) == before


def test_a_deployment_that_was_made_again_by_somebody_is_not_removed() -> None:
    shop = Shop()
    desk = shop.desk("run-a")
    claim = desk.deploy()
    body = shop.objects.get("/apis/apps/v1/namespaces/shop/deployments", NAME)
    shop.objects.delete("/apis/apps/v1/namespaces/shop/deployments", NAME, {})
    shop.objects.create("/apis/apps/v1/namespaces/shop/deployments", body)
    seen = desk.restore(claim)
    assert "made again" in seen.reason
    assert shop.deployment()


def test_what_others_set_beside_our_fields_stays() -> None:
    shop = Shop()
    shop.desk("run-1").deploy()
    shop.over.add("run-1")

    def change(body: Found) -> None:
        body["metadata"]["labels"]["team"] = "blue"
        body["metadata"]["annotations"]["note"] = "keep"
        body["spec"]["replicas"] = 7

    shop.change(change)
    shop.roll_out()
    desk = shop.desk("run-2")
    claim = desk.deploy()
    for _ in range(2):
        found = shop.deployment()
        assert found
        assert found["metadata"]["labels"]["team"] == "blue"
        assert found["metadata"]["annotations"]["note"] == "keep"
        assert found["spec"]["replicas"] == 7
        desk.restore(claim)


def test_a_run_that_tidies_up_late_drops_no_snapshot_of_another_run() -> None:
    shop = two_versions()
    first = shop.desk("run-a")
    first.deploy()
    second = shop.desk("run-b")

    def overtake() -> None:
        shop.over.add("run-a")
        second.deploy()

    first.client.between = once(overtake)
    first.services.settle(first.attempt, ())
    assert (MAPS, "run-1-source-0") not in shop.objects.kept
    assert (MAPS, "run-b-source-0") in shop.objects.kept
    for _ in range(2):
        first.services.settle(first.attempt, ())
    assert (MAPS, "run-b-source-0") in shop.objects.kept
    assert (MAPS, "run-a-source-0") in shop.objects.kept  # what run-b would come back to


def change_by_hand(shop: Shop, change: Callable[[Found], object]) -> None:
    """Let somebody edit the pod template twice, so that the newest two ReplicaSets are theirs."""
    for priority in (1, 2):

        def edit(body: Found, priority: int = priority) -> None:
            change(body["spec"]["template"]["metadata"]["annotations"])
            body["spec"]["template"]["spec"]["priority"] = priority

        shop.change(edit)
        shop.roll_out()


def test_what_the_roll_back_of_a_running_claim_needs_is_kept_whatever_others_change() -> None:
    shop = two_versions()
    shop.change(lose_annotation)
    late, desk = shop.desk("run-2"), shop.desk("run-3")
    claim = desk.claim()
    desk.ensure()
    shop.roll_out()
    change_by_hand(shop, lambda annotations: None)
    late.services.settle(late.attempt, ())
    assert (MAPS, "run-2-source-0") in shop.objects.kept
    assert desk.restore(claim).phase is Phase.READY


def test_what_the_accepted_version_starts_from_is_kept_whatever_others_change() -> None:
    shop = two_versions()
    change_by_hand(shop, lambda annotations: annotations.pop(labels.VERSION, None))
    late = shop.desk("run-2")
    late.services.settle(late.attempt, ())
    assert {name for place, name in shop.objects.kept if place == MAPS} == {"run-2-source-0"}


def test_of_many_versions_the_newest_two_can_come_back_in_the_order_of_numbers() -> None:
    shop = Shop()
    for number in range(1, 12):
        desk = shop.desk(f"run-{number}")
        desk.deploy()
        shop.over.add(f"run-{number}")
    desk.services.settle(desk.attempt, ())
    kept = {f"run-{number}-source-0" for number in (10, 11)}
    assert {name for place, name in shop.objects.kept if place == MAPS} == kept


def test_a_reserved_name_is_adopted_or_forgotten() -> None:
    shop = Shop()
    gone = shop.desk("run-a")
    gone.services.abandon_claim(gone.attempt, "image")
    found = shop.deployment()
    assert found
    assert labels.is_reserved(found)
    assert found["spec"]["replicas"] == 0
    gone.services.forget(RunName("run-0"))
    assert shop.deployment()
    gone.services.forget(RunName("run-a"))
    assert shop.deployment() is None
    gone.services.abandon_claim(gone.attempt, "image")
    desk = shop.desk("run-b")
    claim = desk.deploy()
    assert claim.previous is None
    gone.services.forget(RunName("run-a"))
    assert live_of(shop) == "run-b/1"
    assert desk.restore(claim).phase is Phase.ABSENT


class Actor:
    """A run from its claim to its end, a step after the other."""

    def __init__(self, desk: Desk, fate: str) -> None:
        self.desk, self.fate = desk, fate
        self.ended = self.busy = False
        self.claimed = False
        self._steps = self._live()

    def step(self) -> None:
        """Take the next step, unless it is in the middle of one, or has ended."""
        if self.ended or self.busy:
            return
        self.busy = True
        try:
            next(self._steps, None)
        finally:
            self.busy = False

    def _live(self) -> Iterator[None]:
        services, attempt = self.desk.services, self.desk.attempt
        while not isinstance(
            claim := services.claim(attempt, "image", self.desk.deployer, self.desk.is_over), Claim
        ):
            yield
        self.claimed = True
        yield
        self.desk.ensure()
        yield
        self.desk.shop.roll_out()
        if self.fate != "sick":
            services.accept(attempt)
        yield
        self.claimed = self.fate == "well"
        if self.fate == "well":
            services.settle(attempt, ())
        else:  # a first version is removed with its claim: the next run may begin
            while services.restore(attempt, claim).phase is Phase.RUNNING:
                yield
                self.desk.shop.roll_out()
        self.ended = True
        self.desk.shop.over.add(attempt.run)
        yield


class Race:
    """Some runs at once; another one acts whenever one is about to write, as the order says."""

    def __init__(self, fates: list[str], order: list[int]) -> None:
        self.shop, self._turns = Shop(), iter(order)
        self.actors = [
            Actor(self.shop.desk(f"run-{number}"), fate) for number, fate in enumerate(fates)
        ]
        self.accepted: list[str] = []
        for actor in self.actors:
            actor.desk.client.between = self._let_another_act

    def run(self) -> None:
        """Carry all to their ends."""
        for _ in range(400):
            for actor in self.actors:
                actor.step()
                self._check()
            if all(actor.ended for actor in self.actors):
                return
        raise AssertionError("a run never ends")

    def _let_another_act(self) -> None:
        turn = next(self._turns, None)
        if turn is not None:
            self.actors[turn % len(self.actors)].step()
            self._check()

    def _check(self) -> None:
        assert sum(each.claimed and not each.ended for each in self.actors) <= 1
        for actor in self.actors:
            version = f"{actor.desk.attempt.run}/1"
            if actor.ended and actor.fate == "well" and version not in self.accepted:
                self.accepted.append(version)
        if self.accepted:
            assert self.accepted[-1] in self.shop.versions()
            assert (SERVICES, NAME) in self.shop.objects.kept


FATES = st.lists(st.sampled_from(["well", "sick", "fails later"]), min_size=2, max_size=4)


@settings(max_examples=300, deadline=None)
@given(FATES, st.lists(st.integers(0, 3), max_size=120))
def test_whatever_the_order_no_accepted_version_is_lost(fates: list[str], order: list[int]) -> None:
    race = Race(fates, order)
    race.run()
    found = race.shop.deployment()
    if race.accepted:
        assert found
        assert (live_of(race.shop), version_of(found)) == (race.accepted[-1], race.accepted[-1])
    else:
        assert found is None or labels.is_reserved(found)
