"""The tutorial works as it is written, from its first command to its last."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.conftest import ROOT
from tests.support.pages import Reader

PAGE = ROOT / "docs" / "getting-started.md"
ON_A_CLUSTER = "On a cluster"

pytestmark = pytest.mark.timeout(900)


def headings() -> list[str]:
    lines = PAGE.read_text().splitlines()
    return [line.removeprefix("## ") for line in lines if line.startswith("## ")]


def test_the_tutorial_works_on_an_empty_machine(
    make_reader: Callable[..., Reader], tmp_path: Path
) -> None:
    reader = make_reader()
    here = [heading for heading in headings() if heading != ON_A_CLUSTER]
    assert reader.follow(PAGE, *here) > 20
    assert len(reader.names) > 3  # runs and addresses that the outputs told
    code, left = reader.shell.run("bodywork service display")
    assert (code, left) == (0, "no services\n")
