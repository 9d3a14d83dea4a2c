"""What Kubernetes expands in a container arrives as it was meant, and no secret with it."""

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import bodywork.cluster
from bodywork.cluster.containers import escape, unescape
from bodywork.cluster.cron_manifests import (
    CronJob,
    build_cron_job,
    change_cron_job,
    parse_cron_job,
)
from bodywork.cluster.manifests import StageSource, build_deployment, build_job
from bodywork.cluster.manual_jobs import build_manual_job
from bodywork.cluster.probe import build_probe
from bodywork.cluster.trial import build_trial
from bodywork.model.names import Namespace, ProjectName, RunName, StageName
from bodywork.model.run import StageRun
from bodywork.model.stage import Batch, SecretVariable, Service, Stage

Manifest = dict[str, Any]

VALUES = {"PASSWORD": "canary-1", "BODYWORK_GITHUB_SSH_PRIVATE_KEY": "canary-2", "HOME": "/tmp"}
COMMIT = "c" * 40
TRAIN = Stage(
    StageName("train"), Batch(30, 0), "main.py", secrets=(SecretVariable("PASSWORD", "s"),)
)
SERVE = Stage(StageName("serve"), Service(30, 1, 5000), "app.py")
PIECES = ["$", "$(", "$$(", "$(PASSWORD)", "$(HOME)", "(", ")", "a", "é", " ", "git@h:p", "\\", "`"]
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)
HOSTILE = "preview-$$($(BODYWORK_GITHUB_SSH_PRIVATE_KEY)-$(PASSWORD)$"


def expand(text: str, values: dict[str, str]) -> str:
    """As third_party/forked/golang/expansion of Kubernetes, which goes by bytes."""
    data, done, position = text.encode(), b"", 0
    while position < len(data):
        following = data[position + 1 : position + 2]
        if data[position : position + 1] != b"$" or not following:
            done, position = done + data[position : position + 1], position + 1
        elif following == b"$":
            done, position = done + b"$", position + 2
        elif following == b"(" and (end := data.find(b")", position)) >= 0:
            name = data[position + 2 : end].decode("utf-8", "replace")
            done += values.get(name, f"$({name})").encode()
            position = end + 1
        elif following == b"(":
            done, position = done + b"$(", position + 2
        else:  # Go makes a rune of a lone byte
            done, position = done + b"$" + chr(following[0]).encode(), position + 2
    return done.decode("utf-8", "replace")


def attempt(stage: str) -> StageRun:
    run = RunName("run-1")
    return StageRun(Namespace("ns"), ProjectName("shop"), run, StageName(stage), 1)


def containers(manifest: Manifest) -> list[Manifest]:
    spec: Manifest = manifest["spec"]
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    found: list[Manifest] = spec["template"]["spec"]["containers"]
    return found


def words(manifest: Manifest) -> list[str]:
    """The command line that arrives in the container."""
    [container] = containers(manifest)
    return [expand(each, VALUES) for each in (*container["command"], *container["args"])]


def schedule(repository: str, reference: str) -> Manifest:
    cronjob = CronJob("nightly", "@daily", repository, reference, "image:1", retries=2)
    manifest = build_cron_job(cronjob, "ns")
    assert parse_cron_job(manifest).cronjob == cronjob
    manifest["metadata"]["uid"] = "u"
    return manifest


def changed(repository: str, reference: str) -> Manifest:
    new = CronJob("nightly", "@daily", repository, reference, "image:1", retries=2)
    return change_cron_job(schedule("file:///old", "$(PASSWORD)"), new)


@given(text=TEXTS)
@example(HOSTILE)
def test_an_escaped_text_arrives_as_it_was(text: str) -> None:
    assert expand(escape(text), VALUES) == text
    assert unescape(escape(text)) == text


@given(repository=TEXTS, reference=TEXTS)
@example(HOSTILE, HOSTILE)
def test_the_words_of_a_stage_arrive_as_they_were(repository: str, reference: str) -> None:
    source = StageSource(repository, reference, COMMIT)
    job = build_job(attempt("train"), TRAIN, "image:1", source, {})
    deployment = build_deployment(attempt("serve"), SERVE, "image:1", source, repository)
    for manifest, name in ((job, "train"), (deployment, "serve")):
        where = ["--", repository, reference, name]
        assert words(manifest) == ["bodywork", "stage", "--commit", COMMIT, *where]


@given(repository=TEXTS, reference=TEXTS)
@example(HOSTILE, HOSTILE)
@pytest.mark.parametrize("make", [schedule, changed])
def test_the_words_of_a_controller_arrive_as_they_were(
    make: Any, repository: str, reference: str
) -> None:
    manifest = make(repository, reference)
    where = ["--", repository, reference]
    options = ["--on-unfinished=resume", "--retries=2"]
    assert words(manifest) == ["bodywork", "workflow", *options, *where]
    assert words(build_manual_job(manifest, "now"))[-3:] == where
    trial = build_trial(manifest, 1)
    assert words(trial) == ["bodywork", "workflow", "--dry-run", "--output=json", *where]


def test_the_words_of_the_probe_arrive_as_they_were() -> None:
    assert words(build_probe("ns", "image:1", 1)) == ["bodywork", "--version"]


@given(text=TEXTS)
@example(HOSTILE)
def test_the_values_of_variables_arrive_as_they_were(text: str) -> None:
    named = StageRun(
        Namespace(text), ProjectName("p"), RunName("run-1"), StageName("train"), 1, text
    )
    source = StageSource("file:///p", "main", COMMIT)
    [container] = containers(build_job(named, TRAIN, "image:1", source, {}))
    plain = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    arrived = {name: expand(value, VALUES) for name, value in plain.items()}
    assert arrived == {"HOME": "/tmp", **named.variables()}


def test_no_other_module_spells_a_container() -> None:
    spelt = {
        path.name
        for path in Path(bodywork.cluster.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Dict)
        and {key.value for key in node.keys if isinstance(key, ast.Constant)}
        & {"args", "env", "terminationMessagePolicy"}
    }
    assert spelt == {"containers.py"}


def test_the_controllers_log_which_has_those_of_stages_is_not_copied_into_its_pods_status() -> None:
    older = schedule("file:///p", "main")
    containers(older)[0]["terminationMessagePolicy"] = "FallbackToLogsOnError"
    new = CronJob("nightly", "@daily", "file:///p", "main", "image:1")
    for manifest in (schedule("file:///p", "main"), change_cron_job(older, new)):
        assert containers(manifest)[0]["terminationMessagePolicy"] == "File"
