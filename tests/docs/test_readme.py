"""The commands of the README work as they are written, for somebody who has only a clone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.projects import Project
from tests.docs.conftest import ROOT
from tests.support.pages import Reader

PAGE = ROOT / "README.md"

pytestmark = pytest.mark.timeout(900)


def test_the_demonstration_shows_what_the_page_shows(make_reader: Callable[..., Reader]) -> None:
    assert make_reader().follow(PAGE, "See it") == 1


def test_a_project_of_ones_own_runs_on_this_machine(
    make_reader: Callable[..., Reader], tmp_path: Path
) -> None:
    shop = Project(tmp_path / "shop", "", "train >> serve")
    shop.batch("train", "print('trained')")
    shop.service("serve")
    shop.commit()
    reader = make_reader({"path/to/project": str(shop.folder)})
    try:
        assert reader.follow(PAGE, "Your own project") >= 8
        code, shown = reader.shell.run("bodywork status --namespace=my-project -o json")
        assert (code, '"state": "succeeded"' in shown) == (0, True), shown
    finally:
        reader.shell.run("bodywork service delete --namespace=my-project --name=shop--serve")
