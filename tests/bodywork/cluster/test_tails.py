"""A log's end that the kubelet has cut off somewhere is told without the rest of a password."""

import pytest

from bodywork.cluster.verdicts import LONG_LINE, tail_of
from tests.support.canaries import CORE, betrayals

KUBELET_BYTES = 2048
LINE = f"no index at https://robot:{CORE}@index.example/simple"


@pytest.mark.parametrize("cut", range(len(LINE)))
def test_a_line_that_was_cut(cut: int) -> None:
    end = "\nlast"
    log = "." * 100 + "\n" + LINE + "\n" + "é" * ((KUBELET_BYTES - len(end) - cut) // 2 - 1) + end
    raw = log.encode()[-KUBELET_BYTES:]
    kept = tail_of({"message": raw.decode("utf-8", "replace")})
    assert kept[-1] == "last"
    assert not betrayals("\n".join(kept))


def test_a_message_that_is_whole_keeps_its_first_line() -> None:
    assert tail_of({"message": f"{LINE}\nlast"}) == (
        "no index at https://***@index.example/simple",
        "last",
    )


def test_of_one_long_line_it_is_said_that_there_is_one() -> None:
    message = ("x" * 3000 + CORE)[-KUBELET_BYTES:]
    assert tail_of({"message": message}) == (LONG_LINE,)
    assert tail_of({"message": ""}) == tail_of({}) == ()
