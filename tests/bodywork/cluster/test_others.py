"""What others set on a service's objects stays, whenever they do it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bodywork.cluster.shop import NAME, SERVICES, Shop

Found = dict[str, Any]
MOST_WRITES = 12
"""About how many writes a deployment and its roll-back take."""
ACTS = st.tuples(
    st.integers(0, MOST_WRITES),
    st.sampled_from(["annotations", "labels", "replicas"]),
    st.sampled_from(["Deployment", "Service"]),
    st.integers(2, 9),
)


class Others:
    """An autoscaler, and users with kubectl: they act before the writes of a run."""

    def __init__(self, shop: Shop, acts: list[tuple[int, str, str, int]]) -> None:
        self.shop, self._acts, self._writes = shop, acts, 0
        self.set: dict[tuple[str, str, str], str] = {}
        self.replicas = 0

    def act(self) -> None:
        """Do what is to be done before this write."""
        for when, what, kind, number in self._acts:
            if when == self._writes:
                self._do(what, kind, number)
        self._writes += 1

    def _do(self, what: str, kind: str, number: int) -> None:
        if what == "replicas":
            self.replicas = number
            self.shop.change(lambda body: body["spec"].update(replicas=number))
            return
        key, value = f"others.example/{number}", f"value-{self._writes}"

        def mark(body: Found) -> None:
            body["metadata"][what] = {**(body["metadata"].get(what) or {}), key: value}

        if kind == "Deployment":
            self.shop.change(mark)
        else:
            body = self.shop.objects.get(SERVICES, NAME)
            mark(body)
            self.shop.objects.replace(SERVICES, NAME, body)
        self.set[kind, what, key] = value

    def check(self) -> None:
        """Look whether all that was set is there."""
        deployment = self.shop.deployment()
        assert deployment
        kept = {"Deployment": deployment, "Service": self.shop.objects.get(SERVICES, NAME)}
        for (kind, what, key), value in self.set.items():
            assert kept[kind]["metadata"][what][key] == value
        if self.replicas:
            assert deployment["spec"]["replicas"] == self.replicas


@settings(max_examples=100, deadline=None)
@given(st.lists(ACTS, max_size=6), st.booleans())
def test_it_stays_when_a_version_is_replaced_and_when_one_is_restored(
    acts: list[tuple[int, str, str, int]], back: bool
) -> None:
    shop = Shop()
    shop.desk("run-0").deploy()
    shop.over.add("run-0")
    others, desk = Others(shop, acts), shop.desk("run-a")
    desk.client.between = others.act
    claim = desk.deploy()
    others.act()
    if back:
        desk.restore(claim)
    for _ in range(MOST_WRITES):
        others.act()
    others.check()
