"""The commit that runs is the commit on record, wherever a controller dies and a branch moves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bodywork.errors import EngineError, EngineUnavailable, SourceError
from bodywork.model.names import RunName
from bodywork.model.run import Checkout
from bodywork.ports import Engine
from bodywork.workflow import lifecycle
from tests.bodywork.workflow.harness import REQUEST, Death, Office, Repository, batch, workflow
from tests.bodywork.workflow.test_crashes import Fuse, Fused, carry_out

CHAIN = workflow((batch("a", retries=1),), (batch("b"),))


class Branch(Repository):
    """A branch, which somebody may push to."""

    head = "c0"
    error: SourceError | None = None

    @contextmanager
    def checkout(
        self,
        repository: str,
        reference: str,
        commit: str = "",
        *,
        path: str = "",
        say: Callable[[str], None],
    ) -> Iterator[Checkout]:
        if self.error:
            raise self.error
        self.checkouts.append(commit)
        yield Checkout(repository, reference, commit or self.head, Path("nowhere"), {})


class Publishing:
    """An engine that notes what is published, and what is on record by then."""

    def __init__(self, inner: Engine, place: Office, published: list[tuple[str, str]]) -> None:
        self._inner = inner
        self._place = place
        self._published = published

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def publish_source(self, run: RunName, checkout: Checkout) -> None:
        self._published.append((checkout.commit, self._place.progress(run).commit))
        self._inner.publish_source(run, checkout)


def open_branch() -> Branch:
    return Branch(c0=CHAIN, c1=CHAIN)


def points() -> Iterator[tuple[int, bool]]:
    learning = Fuse()
    carry_out(Office(open_branch()), learning)
    for number in range(2, learning.count + 1):
        yield number, False
        yield number, True


@pytest.mark.parametrize(("number", "after"), list(points()))
def test_a_moved_branch_never_mixes_commits(number: int, after: bool) -> None:
    branch, published = open_branch(), list[tuple[str, str]]()
    place = Office(branch)
    fuse = Fuse(number, after=after)
    controller = place.controller(
        wrap_store=lambda store: Fused(store, fuse),
        wrap_engine=lambda engine: Publishing(Fused(engine, fuse), place, published),
    )
    with pytest.raises(Death):
        controller.execute(controller.begin(REQUEST))
    branch.head = "c1"
    [run] = place.store.list()
    last = place.controller(
        wrap_engine=lambda engine: Publishing(engine, place, published)
    ).execute(RunName(run))
    assert last.state == lifecycle.SUCCEEDED
    on_record = place.progress(run).commit
    assert published
    assert {commit for commit, _ in published} == {on_record}
    assert all(commit == recorded for commit, recorded in published), "published before recorded"


@pytest.mark.parametrize("temporary", [True, False])
def test_a_repository_that_is_gone_at_the_resumption_is_no_exit_for_ever(temporary: bool) -> None:
    branch = open_branch()
    place = Office(branch)
    run = place.begin_and_die(lifecycle.CLONED)
    branch.error = SourceError("no such repository", temporary=temporary)
    controller = place.controller()
    if not temporary:
        assert controller.execute(run).state == lifecycle.FAILED
        verdict = place.progress(run).verdict
        assert verdict
        assert "no such repository" in verdict.reason
        return
    with pytest.raises(EngineUnavailable):
        controller.execute(run)
    branch.error = None
    assert place.controller().execute(run).state == lifecycle.SUCCEEDED


def test_a_source_that_cannot_be_published_ends_the_run() -> None:
    place = Office(open_branch())

    class Refusing(Publishing):
        def publish_source(self, run: RunName, checkout: Checkout) -> None:
            raise EngineError("too large")

    controller = place.controller(wrap_engine=lambda engine: Refusing(engine, place, []))
    run = controller.begin(REQUEST)
    assert controller.execute(run).state == lifecycle.FAILED
    assert place.world.started == []
