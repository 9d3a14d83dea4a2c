"""Two repositories with one project name: of those that deploy one service, one wins."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bodywork.cluster import labels
from bodywork.cluster.versions import repository_of
from bodywork.errors import OtherRepository
from bodywork.model.repository import Deployer
from tests.bodywork.cluster.shop import DEPLOYER, Desk, Shop
from tests.bodywork.cluster.test_claims import Actor, Race

Found = dict[str, Any]
RIVAL = Deployer("host/bob/shop")
ADOPTER = Deployer("host/bob/shop", adopts=True)


class Contender(Actor):
    """A run of a repository; where the service is another one's, it ends at once."""

    refused = ""

    def step(self) -> None:
        """Take the next step, or hear that the service is another repository's."""
        try:
            super().step()
        except OtherRepository as refusal:
            self.refused, self.ended, self.fate = refusal.message, True, "refused"
            self.desk.shop.over.add(self.desk.attempt.run)


class Contest(Race):
    """Runs of two repositories at once."""

    def __init__(self, fates: list[tuple[str, Deployer]], order: list[int]) -> None:
        super().__init__([], order)
        self.actors = [
            Contender(self.shop.desk(f"run-{number}", deployer=deployer), fate)
            for number, (fate, deployer) in enumerate(fates)
        ]
        for actor in self.actors:
            actor.desk.client.between = self._let_another_act

    def refused(self) -> list[Contender]:
        return [each for each in self.actors if isinstance(each, Contender) and each.refused]

    def repositories(self) -> list[str]:
        """Return the repository of each version that was accepted for good, in their order."""
        by_version = {f"{each.desk.attempt.run}/1": each.desk.deployer for each in self.actors}
        return [by_version[version].repository for version in self.accepted]


def contenders(*deployers: Deployer) -> st.SearchStrategy[list[tuple[str, Deployer]]]:
    fates = st.sampled_from(["well", "sick", "fails later"])
    return st.lists(st.tuples(fates, st.sampled_from(deployers)), min_size=2, max_size=4)


ORDERS = st.lists(st.integers(0, 3), max_size=120)


def owner_of(shop: Shop) -> str:
    found = shop.deployment()
    return repository_of(found["spec"]["template"]) if found else ""


@settings(max_examples=100, deadline=None)
@given(contenders(DEPLOYER, RIVAL), ORDERS)
def test_whatever_the_order_one_repository_wins(
    fates: list[tuple[str, Deployer]], order: list[int]
) -> None:
    contest = Contest(fates, order)
    contest.run()
    assert len(set(contest.repositories())) <= 1
    if contest.accepted:
        assert owner_of(contest.shop) == contest.repositories()[-1]
    for actor in contest.refused():
        assert not [
            each
            for each in contest.shop.versions()
            if each.startswith(f"{actor.desk.attempt.run}/")
        ]
        ours, others = actor.desk.deployer, {DEPLOYER, RIVAL} - {actor.desk.deployer}
        assert f"belongs to another repository, {others.pop().repository}" in actor.refused
        assert actor.refused.endswith(f"this run is of {ours.repository}")


@settings(max_examples=100, deadline=None)
@given(contenders(DEPLOYER, RIVAL, ADOPTER), ORDERS)
def test_whatever_is_adopted_and_rolled_back_what_answers_says_whose_it_is(
    fates: list[tuple[str, Deployer]], order: list[int]
) -> None:
    contest = Contest(fates, order)
    contest.run()
    if contest.accepted:
        assert owner_of(contest.shop) == contest.repositories()[-1]
    assert not [each for each in contest.refused() if each.desk.deployer.adopts]


def refuse(desk: Desk) -> str:
    with pytest.raises(OtherRepository) as refused:
        desk.claim()
    return refused.value.message


def test_of_two_that_claim_a_free_name_at_the_same_instant_one_is_refused() -> None:
    shop = Shop()
    first, second = shop.desk("run-a"), shop.desk("run-b", deployer=RIVAL)
    said: list[str] = []

    def overtake() -> None:
        first.client.between = lambda: None
        second.claim()

    first.client.between = overtake
    said.append(refuse(first))
    assert "(run run-b deploys it now)" in said[0]
    assert RIVAL.repository in said[0]


def test_what_is_refused_changes_nothing_at_all() -> None:
    shop = Shop()
    shop.desk("run-0").deploy()
    shop.over.add("run-0")
    before = shop.deployment()
    rival = shop.desk("run-b", deployer=RIVAL)
    refuse(rival)
    assert rival.client.sent == []
    assert shop.deployment() == before


def test_an_undo_by_hand_brings_a_version_s_repository_back() -> None:
    shop = Shop()
    shop.desk("run-0").deploy()
    shop.over.add("run-0")
    before = shop.deployment()
    assert before
    shop.desk("run-a", deployer=ADOPTER).deploy()
    shop.over.add("run-a")
    refuse(shop.desk("run-b"))
    template = before["spec"]["template"]
    shop.change(lambda body: body["spec"].update(template=template))
    shop.roll_out()
    assert shop.desk("run-c").claim().previous
    shop.over.add("run-c")
    refuse(shop.desk("run-d", deployer=RIVAL))


def test_an_adopting_run_whose_record_was_deleted_has_adopted_nothing() -> None:
    shop = Shop()
    shop.desk("run-0").deploy()
    shop.over.add("run-0")
    shop.desk("run-a", deployer=ADOPTER).claim()
    refuse(shop.desk("run-b"))
    shop.over.add("run-a")
    assert shop.desk("run-b").claim().previous
    assert labels.claimant_of(shop.deployment() or {}) == DEPLOYER.repository
