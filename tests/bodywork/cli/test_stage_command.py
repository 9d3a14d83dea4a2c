"""`bodywork stage` as a person types it: with the secrets of a namespace, or without."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bodywork.cli.conftest import CommandLine, Project, Said

SECRETS = '[secrets]\nMODEL="model-store"\nKEY="model-store"\n'
SHOW = """import os
for name in ("MODEL", "KEY"):
    print(name, os.environ[name])
for name in sorted(os.environ):
    if name.startswith("BODYWORK_") and name not in ("BODYWORK_HOME", "BODYWORK_ENGINE"):
        print(name, os.environ[name])
"""


@pytest.fixture
def store(shop: Project, bodywork: CommandLine) -> Project:
    """The shop, whose first stage needs two secrets; the namespace is there, they are not."""
    shop.batch("one", SHOW)
    config = shop.folder / "one" / "config.ini"
    config.write_text(config.read_text() + SECRETS)
    shop.commit()
    assert bodywork("setup-namespace", "hello").code == 0
    return shop


def run_stage(shop: Project, *words: str, **variables: str) -> Said:
    """Run it in a process of its own: it takes over signals and hides its memory."""
    done = subprocess.run(
        [sys.executable, "-m", "bodywork", "stage", *words, shop.url, "main", "one"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def create_secret(bodywork: CommandLine, *data: str) -> None:
    words = ("secret", "create", "--namespace=hello", "--name=model-store", "--data", *data)
    assert bodywork(*words).code == 0


def test_a_stage_gets_its_secrets_and_the_variables_of_a_run(
    store: Project, bodywork: CommandLine
) -> None:
    create_secret(bodywork, "MODEL=/models", "KEY=secret=1", "OTHER=x")
    said = run_stage(store, "-n", "hello")
    assert said.code == 0, said.err
    assert said.out.splitlines()[-9:] == [
        "MODEL /models",
        "KEY secret=1",
        "BODYWORK_ATTEMPT 1",
        "BODYWORK_IDEMPOTENCY_KEY by-hand/one",
        "BODYWORK_NAMESPACE hello",
        "BODYWORK_ORIGIN_RUN_ID by-hand",
        "BODYWORK_PROJECT shop",
        "BODYWORK_RUN_ID by-hand",
        "BODYWORK_STAGE one",
    ]
    assert bodywork("status", "--namespace=hello", "-o", "json").json["runs"] == []


@pytest.mark.parametrize(
    ("data", "verb", "fault"),
    [
        ([], "create", "the secret model-store of stage one does not exist in namespace hello"),
        (
            ["MODEL=/models"],
            "update",
            "the secret model-store of stage one has no key KEY in namespace hello",
        ),
    ],
)
def test_a_secret_that_is_not_there_is_told_with_the_command_that_makes_it(
    store: Project, bodywork: CommandLine, data: list[str], verb: str, fault: str
) -> None:
    if data:
        create_secret(bodywork, *data)
    variable = "KEY" if data else "MODEL"
    said = run_stage(store, "-n", "hello")
    assert said.code == 2
    assert said.err.splitlines() == [
        f"error: {fault}",
        f"hint: bodywork secret {verb} --namespace=hello --name=model-store --data {variable}=…",
    ]


def test_without_a_namespace_a_missing_variable_is_told_before_the_script_starts(
    store: Project,
) -> None:
    said = run_stage(store, KEY="x")
    assert said.code == 2
    assert "KEY" not in said.out
    assert said.err.splitlines() == [
        "error: stage one needs MODEL (secret model-store), which is not set",
        (
            "hint: bodywork stage -n NAMESPACE … takes the values from the secrets of a namespace; "
            "or set them yourself: MODEL=… bodywork stage …"
        ),
    ]


def test_without_a_namespace_the_environment_alone_decides_as_in_a_container(
    store: Project, bodywork: CommandLine
) -> None:
    create_secret(bodywork, "MODEL=/models", "KEY=secret")
    said = run_stage(store, MODEL="mine", KEY="", BODYWORK_NAMESPACE="hello")
    assert said.code == 0, said.err
    assert said.out.splitlines()[-3:] == ["MODEL mine", "KEY ", "BODYWORK_NAMESPACE hello"]


def test_a_namespace_that_is_not_there_is_told(store: Project) -> None:
    said = run_stage(store, "-n", "nowhere")
    assert said.code == 2
    assert "bodywork setup-namespace nowhere" in said.err


def test_other_stages_may_be_broken_but_not_the_project_s_name(
    store: Project, bodywork: CommandLine, tmp_path: Path
) -> None:
    create_secret(bodywork, "MODEL=/models", "KEY=secret")
    (store.folder / "two" / "config.ini").write_text("nonsense")
    store.dag("one >> nowhere")
    store.commit()
    assert run_stage(store, "-n", "hello").code == 0
    (store.folder / "bodywork.ini").write_text("[default]\nPROJECT_NAME=-\n")
    store.commit()
    said = run_stage(store, "-n", "hello")
    assert said.code == 2
    assert "PROJECT_NAME" in said.err
