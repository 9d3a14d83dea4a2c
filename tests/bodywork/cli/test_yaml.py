"""Our YAML is read by others as the value that it was."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bodywork.cli.yaml import render_yaml

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False).filter(
        lambda value: "e" not in repr(value)  # YAML 1.1 wants a dot in those, 1.2 does not
    )
    | st.text()
    | st.sampled_from(["yes", "No", "null", "~", "1e3", "0x1f", "1:30", "- a", "a: b", "#", "2026"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    assert yaml.safe_load(render_yaml(value)) == value


def test_it_is_in_block_style_and_quotes_only_what_needs_it() -> None:
    value = {"run": "shop-1", "stages": [{"name": "a", "tail": ["x: y"]}, []], "none": {}}
    assert render_yaml(value).splitlines() == [
        "run: shop-1",
        "stages:",
        "  - name: a",
        "    tail:",
        '      - "x: y"',
        "  - []",
        "none: {}",
    ]


@pytest.mark.parametrize("text", ["\x85", "\u2028", "\ufeff", "\x7f", "\U0001f600", "a\nb", "\0"])
def test_odd_characters_come_back(text: str) -> None:
    assert yaml.safe_load(render_yaml({"x": text})) == {"x": text}


def test_numbers_stay_numbers() -> None:
    read = yaml.safe_load(render_yaml([1, 0.5, -3]))
    assert read[:1] + read[2:] == [1, -3]
    assert math.isclose(read[1], 0.5)
