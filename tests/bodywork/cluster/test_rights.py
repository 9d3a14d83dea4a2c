"""The page on security lists what the roles grant, right by right."""

import re
from pathlib import Path

import pytest

from bodywork.cluster.rights import ROLES

PAGE = Path(__file__).parents[3] / "docs" / "security.md"


@pytest.mark.parametrize("role", ROLES)
def test_the_page_on_security_lists_each_right(role: str) -> None:
    section = PAGE.read_text().partition(f"`{role}` is bound")[2]
    table = section.partition("|---|---|---|\n")[2].partition("\n\n")[0]
    rows = [re.split(r" ?\| ?", line.strip("|")) for line in table.splitlines()]
    assert [tuple(cell.strip() for cell in row) for row in rows] == [
        (right.resource, ", ".join(right.verbs), right.why) for right in ROLES[role]
    ]
