"""docs/configuration.md names every section and key, and its examples are right."""

import re
from pathlib import Path

import pytest

from bodywork.config import schemas
from bodywork.config.ini import read_ini

REFERENCE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text("utf-8")
SCHEMAS = [
    schemas.PROJECT,
    schemas.WORKFLOW,
    schemas.LOGGING,
    schemas.STAGE,
    schemas.BATCH,
    schemas.SERVICE,
]
ROWS = re.findall(r"^\| `([A-Z_]+)` \| .* \| (.*?) \| .* \|$", REFERENCE, re.M)


def test_the_keys_of_the_reference_are_those_that_are_read() -> None:
    known = [key for schema in SCHEMAS for key in schema.fields]
    assert [key for key, _ in ROWS] == known


def test_the_reference_says_which_keys_are_required() -> None:
    required = {key for schema in SCHEMAS for key, field in schema.fields.items() if field.required}
    assert {key for key, default in ROWS if default == "required"} == required


@pytest.mark.parametrize("field", ["MAX_COMPLETION_TIME_SECONDS", "MAX_STARTUP_TIME_SECONDS",
                                   "RETRIES", "REPLICAS", "PORT", "MEMORY_REQUEST_MB"])  # fmt: skip
def test_the_reference_gives_the_ranges(field: str) -> None:
    [found] = [schema.fields[field] for schema in SCHEMAS if field in schema.fields]
    assert isinstance(found, schemas.Whole)
    assert f"| `{field}` | whole number, {found.least} to {found.most}" in REFERENCE


@pytest.mark.parametrize("example", re.findall(r"```ini\n(.*?)```", REFERENCE, re.S))
def test_the_examples_of_the_reference_are_right(example: str) -> None:
    document = read_ini("example", example)
    assert document.problems == []
    for name, schema in [("workflow", schemas.WORKFLOW), ("service", schemas.SERVICE)]:
        texts = {key: entry.value for key, entry in document.section(name).items()}
        assert not texts or schemas.check(schema, texts)[1] == {}
