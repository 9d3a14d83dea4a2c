"""The project's image, as pods find it."""

from collections.abc import Callable

import pytest

from tests.cluster.projects import Project
from tests.cluster.site import Site

pytestmark = pytest.mark.timeout(300)

COMPILED = r"""
import re, subprocess, sys
commands = {
    "status": ["status", "--engine=kubernetes", "--namespace=none"],
    "stage": ["stage", "file:///nowhere", "main", "a"],
}
for name, words in commands.items():
    shown = subprocess.run(
        ["/opt/bodywork/bin/python", "-v", "-m", "bodywork", *words], capture_output=True, text=True
    ).stderr
    loaded = re.findall(r"^# code object from '?(\S+\.pyc?)'?$", shown, re.MULTILINE)
    assert len(loaded) > 100, (loaded, shown[-2000:])
    compiled = [each for each in loaded if each.endswith(".py")]
    assert not compiled, f"bodywork {name} compiles {compiled} at each start"
bare = subprocess.run([sys.executable, "-v", "-c", "import json, subprocess"],
                      capture_output=True, text=True).stderr
assert not re.findall(r"^# code object from '?(\S+\.py)'?$", bare, re.MULTILINE), bare
"""
"""Python says with -v which modules it compiles, and which it reads as bytecode."""


def test_neither_a_stage_nor_a_controller_compiles_anything_at_its_start(
    site: Site, project: Callable[..., Project]
) -> None:
    shop = project("a")
    shop.batch("a", COMPILED)
    shop.commit()
    said = site.workflow(shop.folder)
    assert said.code == 0, said.out + said.err
