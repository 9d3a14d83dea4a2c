"""The public Python API, on the embedded engine and on an API server; and what its page says."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import bodywork
from bodywork import RunStatus, Workflow
from bodywork.errors import EngineUnavailable, NotFound, RunNotFound, UsageError
from bodywork.model.names import RunName, StageName
from bodywork.model.run import ServiceVersion
from bodywork.workflow.progress import Attempt, Verdict
from bodywork.workflow.status import ControllerStatus, StageStatus, document, run_status
from statemachine.checkpoint import HookFailure, Move
from tests.bodywork.workflow.harness import PIPELINE, Office, Repository
from tests.fakes.engine import FAILED
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import api_server
from tests.servers.repositories import git

PAGE = Path(__file__).parents[2] / "docs" / "python-api.md"
START = datetime(2026, 1, 1, tzinfo=UTC)
SCRIPT = "print('hello')\n"


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENGINE", "NAMESPACE", "CONTEXT"):
        monkeypatch.delenv(f"BODYWORK_{name}", raising=False)
    monkeypatch.setenv("BODYWORK_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The folder of a project of one stage."""
    return project(tmp_path / "shop", SCRIPT)


def project(folder: Path, script: str) -> Path:
    (folder / "one").mkdir(parents=True)
    (folder / "bodywork.ini").write_text(
        "[default]\nPROJECT_NAME=shop\nDOCKER_IMAGE=python:3.12-slim\n[workflow]\nDAG=one\n"
    )
    (folder / "one" / "config.ini").write_text(
        "[default]\nSTAGE_TYPE=batch\nEXECUTABLE_SCRIPT=main.py\n"
        "[batch]\nMAX_COMPLETION_TIME_SECONDS=30\nRETRIES=0\n"
    )
    (folder / "one" / "requirements.txt").write_text("")
    (folder / "one" / "main.py").write_text(script)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "work")
    return folder


def test_a_run_on_this_machine_is_looked_at_afterwards(shop: Path) -> None:
    workflow = Workflow(shop.as_uri(), "main", namespace="iris", engine="local")
    with pytest.raises(RunNotFound):
        workflow.status()
    ran = workflow.run()
    assert (ran.state, ran.namespace) == ("succeeded", "iris")
    assert workflow.status() == workflow.status(ran.run) == ran
    assert (
        repr(workflow) == f"Workflow({shop.as_uri()!r}, 'main', namespace='iris', engine='local')"
    )


def test_a_password_in_the_address_is_not_in_the_repr() -> None:
    workflow = Workflow("https://ada:s3cret@example.com/shop.git", "main", engine="local")
    assert "s3cret" not in repr(workflow)


def test_engine_and_namespace_are_those_of_the_environment_as_on_the_command_line(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODYWORK_ENGINE", "Local")
    monkeypatch.setenv("BODYWORK_NAMESPACE", "iris")
    workflow = Workflow(shop.as_uri(), "main")
    assert repr(workflow).endswith("namespace='iris', engine='local')")
    other = Workflow(shop.as_uri(), "main", namespace="other")
    assert repr(other).endswith("namespace='other', engine='local')")


def test_without_anything_said_the_engine_is_a_cluster(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="no Kubernetes cluster is configured"):
        Workflow(shop.as_uri(), "main")


@pytest.mark.parametrize("wrong", ["kuberntes", "docker", "Local engine"])
def test_an_unknown_engine_is_refused_and_runs_nothing(
    shop: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    with pytest.raises(UsageError, match=f"engine: '{wrong}' is not one of kubernetes, local"):
        Workflow(shop.as_uri(), "main", engine=wrong)
    monkeypatch.setenv("BODYWORK_ENGINE", wrong)
    with pytest.raises(UsageError, match=f"BODYWORK_ENGINE: '{wrong}' is not one of"):
        Workflow(shop.as_uri(), "main")


def test_a_bad_namespace_is_refused_with_the_name_of_its_variable(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"^the namespace 'No_Good' may only have"):
        Workflow(shop.as_uri(), "main", engine="local", namespace="No_Good")
    monkeypatch.setenv("BODYWORK_NAMESPACE", "No_Good")
    with pytest.raises(UsageError, match=r"^BODYWORK_NAMESPACE: the namespace 'No_Good'"):
        Workflow(shop.as_uri(), "main", engine="local")


def test_a_cluster_is_asked_with_the_rights_of_the_kubeconfig_and_nothing_is_made_there(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with api_server() as server:
        kubeconfig = write_kubeconfig(tmp_path, server.url, namespace="iris")
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        workflow = Workflow(shop.as_uri(), "main", engine="kubernetes")
        assert repr(workflow).endswith("namespace='iris', engine='kubernetes')")
        with pytest.raises(NotFound, match="there is no namespace iris"):
            workflow.run()
        server.objects.create("/api/v1/namespaces", {"metadata": {"name": "iris"}})
        with pytest.raises(RunNotFound):
            workflow.status()


FAILING = """
import sys
from bodywork import Workflow

workflow = Workflow(sys.argv[1], "main", engine="local")

@workflow.on("enter:failed")
def broken(event):
    raise ValueError("a hook that fails for good")

assert workflow.run().state == "failed"
"""


@pytest.mark.parametrize("setup", ["", "import logging; logging.basicConfig(level='INFO')\n"])
def test_nothing_is_printed_until_a_log_is_set_up(tmp_path: Path, setup: str) -> None:
    folder = project(tmp_path / "broken", "raise SystemExit(3)\n")
    done = subprocess.run(
        [sys.executable, "-c", setup + FAILING, folder.as_uri()],
        capture_output=True,
        text=True,
        env={**os.environ, "BODYWORK_HOME": str(tmp_path / "state")},
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    if setup:
        assert "WARNING:statemachine:hook" in done.stderr
        assert "stage=one attempt 1 failed: exit code 3" in done.stderr
    else:
        assert done.stderr == ""


def test_dir_lists_the_public_names() -> None:
    assert [name for name in dir(bodywork) if not name.startswith("_")] == bodywork.__all__


# -- how a status looks ---------------------------------------------------------------------------


def failed_status() -> RunStatus:
    office = Office(Repository(c0=PIPELINE))
    office.world.outcomes["a"] = [replace(FAILED, reason="<b>exit</b> code\x1b[2J 1")]
    return run_status(office.run())


def test_a_status_is_printed_in_a_few_lines() -> None:
    status = failed_status()
    lines = str(status).splitlines()
    assert lines[1:] == [
        "state    failed in step 2 of 3, took 0:00:00",
        "project  shop, branch c0, commit c0",
        "stages   2 succeeded, 1 failed (a), 1 waiting",
        "why      stage a: <b>exit</b> code [2J 1",
    ]
    assert repr(status) == f"<RunStatus {status.run}: failed, step 2 of 3>"


def test_a_notebook_shows_a_table_that_stages_cannot_write_into() -> None:
    status = failed_status()
    shown = status._repr_html_()
    assert "<b>" not in shown
    assert "&lt;b&gt;exit&lt;/b&gt; code" in shown
    assert not re.search(r"https?:|src=|href=|<script|\x1b", shown)
    assert shown.count("<tr>") == 4 + 4  # run, state, project, why; four stages


def test_a_notebook_shows_a_long_run_within_bounds() -> None:
    status = failed_status()
    many = tuple(replace(status.stages[0], name=f"stage-{number}") for number in range(120))
    shown = replace(status, stages=many)._repr_html_()
    assert "and 90 more stages" in shown
    assert len(shown) < 10_000
    assert len(str(replace(status, stages=many)).splitlines()) == 5


def test_a_run_that_has_just_begun_is_shown_as_well() -> None:
    status = replace(failed_status(), stages=(), verdict=None, state="created", step=0, commit="")
    assert str(status).splitlines()[1:] == ["state    interrupted", "project  shop, branch c0"]
    assert status._repr_html_().startswith("<table>")


# -- what the page says ----------------------------------------------------------------------------


def everything() -> RunStatus:
    """A status in which every field has a value."""
    attempt = Attempt(
        1,
        "failed",
        uid="7",
        started_at=START,
        ended_at=START,
        exit_code=1,
        reason="exit code 1",
        tail=("boom",),
    )
    stage = StageStatus(
        name="a",
        type="service",
        step=1,
        state="failed",
        why="it is new",
        reused_from="earlier",
        attempts=(attempt,),
        restoration="restored",
        restoration_reason="said so",
        previous=ServiceVersion("1", RunName("earlier"), StageName("a"), "c0"),
    )
    return replace(
        failed_status(),
        stages=(stage,),
        continues="earlier",
        controller=ControllerStatus("ada", True),
        cancelled_by="ada",
        verdict=Verdict("stage", "exit code 1", "look", "a", 1, 1, ("boom",), ("more",)),
        path=(Move("failed", "fail", START + timedelta(seconds=1)),),
        hooks_due=("h",),
        hooks_failed=("g",),
        hook_failures=(HookFailure("key", "g", "KeyError: 'x'", False),),
    )


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """The path of every value in a document that is no mapping; lists are marked with []."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        assert value, f"{path} is empty, so what is in it cannot be compared"
        yield from leaves(value[0], f"{path}[]")
    else:
        yield path


def test_the_page_lists_exactly_the_fields_of_the_document() -> None:
    _, _, section = PAGE.read_text("utf-8").partition("## The schema of")
    listed = [
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    ]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(leaves(document(everything())))


def test_the_page_lists_exactly_the_attributes_of_a_status() -> None:
    _, _, section = PAGE.read_text("utf-8").partition("## `RunStatus`\n")
    listed = set(re.findall(r"`([a-z_]+)`", section.partition("`print(status)`")[0]))
    assert listed - {"attempts"} == {field.name for field in fields(RunStatus)} | {"ended"}


def test_the_page_shows_the_signature_as_it_is() -> None:
    shown = inspect.signature(Workflow.__init__)
    words = [
        f"{name}={parameter.default!r}".replace("'", '"')
        for name, parameter in shown.parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    assert f"`Workflow(repository, branch, *, {', '.join(words)})`" in PAGE.read_text("utf-8")
