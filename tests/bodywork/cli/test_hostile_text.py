"""What others wrote never commands a terminal, wherever a command tells it."""

import ast
import io
import json
import os
import pty
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bodywork.cli
from bodywork.cli.exits import tell
from bodywork.cli.paper import PlainPaper
from bodywork.cli.render import render_json
from bodywork.cli.standard_streams import Output, screen_of
from bodywork.cluster import labels
from bodywork.model.names import Namespace, RunName
from bodywork.workflow.execute import definition_of
from bodywork.workflow.progress import Progress, Request, Verdict
from bodywork.workflow.record import render_progress
from statemachine.checkpoint import Checkpoint
from statemachine.outcome import Advance, Wait
from statemachine.runner import Runner
from statemachine.stores.file import FileStore
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, api_server

ESCAPES = ["\x1b[2J", "\x1b]0;owned\x07", "\x1b]8;;x\x1b\\", "\x1bP1$r\x1b\\", "\x1bc", "\x9b2J"]
ESCAPES += ["\x9d0;owned\x9c", "\x07", "\x08", "\x00", "\x7f", "\x85", "\u2028", "\u2029"]
ESCAPES += ["\u202e", "\u2066", "\u200f", "\u061c"]
HOSTILE = "canary" + "".join(ESCAPES)
TEXTS = st.lists(st.sampled_from([*ESCAPES, "a", " ", "ü", '"', "\\"]), max_size=8).map("".join)
HARMFUL = {char for text in ESCAPES for char in text if not char.isprintable()}


def assert_harmless(shown: str) -> None:
    assert HARMFUL.isdisjoint(shown), repr(shown)


@pytest.fixture(scope="module")
def terminal() -> Iterator[tuple[Output, int]]:
    """A stream of ours on a pseudo-terminal, and the terminal's own end."""
    leader, follower = pty.openpty()
    tty.setraw(follower)
    with Output(open(follower, "w", encoding="utf-8"), lenient=False) as stream:
        yield stream, leader
    os.close(leader)


@pytest.mark.parametrize("way", ["echo", "tell", "paper", "write"])
@given(text=TEXTS)
def test_no_way_to_write_lets_a_command_through(
    terminal: tuple[Output, int], way: str, text: str
) -> None:
    stream, leader = terminal
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        if way == "echo":
            click.echo(f"{text}<end>")
        elif way == "tell":
            tell(text, f"{text}<end>")
        elif way == "paper":
            PlainPaper().line(f"{text}<end>")
        else:
            sys.stdout.write(f"{text}<end>")
            sys.stdout.flush()
    shown = b""
    while b"<end>" not in shown:
        shown += os.read(leader, 65536)
    assert_harmless(shown.decode())


def test_what_draws_on_the_screen_may_command_it(terminal: tuple[Output, int]) -> None:
    stream, leader = terminal
    screen = screen_of(stream)
    screen.write("\x1b[2J")
    screen.flush()
    assert b"\x1b[2J" in os.read(leader, 65536)


def test_a_file_gets_the_text_as_it_is(tmp_path: Path) -> None:
    with Output(open(tmp_path / "file", "w", encoding="utf-8"), lenient=False) as stream:
        stream.write(HOSTILE)
    assert (tmp_path / "file").read_bytes().decode() == HOSTILE


def test_a_terminal_whose_encoding_is_ascii_is_written_to_in_the_same_place() -> None:
    stream = Output(io.TextIOWrapper(io.BytesIO(), encoding="ascii"), lenient=False)
    assert not hasattr(stream, "buffer")


@given(st.dictionaries(TEXTS, TEXTS))
def test_json_means_the_same_and_is_harmless_everywhere(value: dict[str, str]) -> None:
    assert json.loads(render_json(value)) == value
    assert_harmless(render_json(value))


def test_nothing_is_written_past_the_streams() -> None:
    past = {"buffer", "__stdout__", "__stderr__"}
    package = Path(bodywork.cli.__file__).parent
    found = {
        f"{path.name}: {node.attr}"
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and (node.attr in past or (node.attr == "write" and ast.unparse(node.value) == "os"))
        and ast.unparse(node) != "sys.stdin.buffer"
    }
    # The module that puts our own stream there puts it back in place of another's.
    assert found <= {"standard_streams.py: __stdout__"}


def on_terminal(environ: dict[str, str], *words: str) -> str:
    """What a command writes on a terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bodywork", *words],
        env={**os.environ, "TERM": "xterm", **environ},
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            portion = os.read(leader, 65536)
        except OSError:  # Linux says so when no program writes any more
            break
        if not portion:
            break
        shown += portion
    os.close(leader)
    process.wait()
    return shown.decode()


def never(checkpoint: Checkpoint) -> Advance | Wait:
    raise AssertionError("the run is only put on record")


@pytest.fixture
def here(tmp_path: Path) -> dict[str, str]:
    """A machine on which somebody has edited a record by hand."""
    request = Request(
        Namespace("default"), f"https://git.example/{HOSTILE}", HOSTILE, hooks=(HOSTILE,)
    )
    verdict = Verdict("stage", HOSTILE, tail=(HOSTILE,), details=(HOSTILE,), hint=HOSTILE)
    runs = FileStore(tmp_path / "namespaces/default/runs")
    data = render_progress(Progress(RunName("run-1"), request, verdict=verdict))
    runner = Runner(runs, definition_of, lambda _: never, writer=HOSTILE, software=HOSTILE)
    runner.create("run-1", data)
    lease = {"name": HOSTILE, "host": HOSTILE, "pid": 1, "epoch": 1, "renewals": 1, "software": "x"}
    (tmp_path / "namespaces/default/runs/run-1/lease.json").write_text(json.dumps(lease))
    return {"BODYWORK_HOME": str(tmp_path), "BODYWORK_ENGINE": "local"}


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["status", "run-1"],
        ["status", "run-1", "-o", "json"],
        ["status", HOSTILE.replace("\0", "")],
        ["logs", "run-1", HOSTILE.replace("\0", "")],
        ["validate", HOSTILE.replace("\0", "")],
        ["workflow", "--resume", "--run", "run-1", "--dry-run"],
        ["cancel", "run-1"],
        [HOSTILE.replace("\0", "")],
    ],
    ids=lambda words: " ".join(words).partition("canary")[0] or "unknown",
)
def test_commands_tell_an_edited_record_harmlessly(here: dict[str, str], words: list[str]) -> None:
    shown = on_terminal(here, *words)
    assert shown
    visible = shown.replace("\x1b[?25h", "")  # the live display gives the cursor back
    assert_harmless(visible)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A cluster in which others have written whatever they could."""
    with api_server() as server:
        populate(server)
        path = write_kubeconfig(tmp_path_factory.mktemp("kube"), server.url)
        yield {
            "KUBECONFIG": str(path),
            "BODYWORK_NAMESPACE": "shop",
            "BODYWORK_ENGINE": "kubernetes",
        }


def populate(server: ApiServer) -> None:
    ours = {labels.MANAGED_BY: labels.BODYWORK}
    batch, core, apps = "/apis/batch/v1", "/api/v1", "/apis/apps/v1"
    server.objects.create(f"{core}/namespaces", {"kind": "Namespace", "metadata": {"name": "shop"}})

    def create(kind: str, path: str, name: str, marks: dict[str, str], **rest: Any) -> Any:
        metadata = {"name": name, "namespace": "shop", "labels": {**ours, **marks}}
        metadata["annotations"] = {"note": HOSTILE}
        return server.objects.create(path, {"kind": kind, "metadata": metadata, **rest})

    done = {"conditions": [{"type": "Failed", "status": "True", "message": HOSTILE}]}
    job = create(
        "Job", f"{batch}/namespaces/shop/jobs", "nightly-1", {labels.CRONJOB: "nightly"},
        spec={}, status=done,
    )  # fmt: skip
    ended = {"terminated": {"exitCode": 1, "message": HOSTILE, "reason": HOSTILE}}
    server.objects.create(
        f"{core}/namespaces/shop/pods",
        {
            "kind": "Pod",
            "metadata": {
                "name": "nightly-1-x",
                "namespace": "shop",
                "labels": {"batch.kubernetes.io/job-name": "nightly-1"},
                "ownerReferences": [
                    {"uid": job["metadata"]["uid"], "kind": "Job", "name": "nightly-1"}
                ],
            },
            "status": {
                "phase": "Failed",
                "containerStatuses": [{"name": "controller", "state": ended}],
            },
        },
    )
    server.logs["nightly-1-x"] = [f"2026-01-01T00:00:00.000000001Z {HOSTILE}\n".encode()]
    create("Secret", f"{core}/namespaces/shop/secrets", "store", {}, data={HOSTILE: "eA=="})
    create(
        "Deployment", f"{apps}/namespaces/shop/deployments", HOSTILE,
        {labels.PROJECT: HOSTILE, labels.STAGE: HOSTILE},
        spec={"replicas": 1, "template": {"metadata": {"annotations": {labels.COMMIT: HOSTILE}}}},
        status={},
    )  # fmt: skip
    create(
        "ConfigMap", f"{core}/namespaces/shop/configmaps", "run-1", {labels.KIND: "run"},
        data={"checkpoint": HOSTILE},
    )  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        "cronjob logs --name nightly-1",
        "cronjob history --name nightly",
        "cronjob display",
        "secret display",
        "secret display --name store --reveal -o json",
        "service display",
        "service display -o json",
        "status",
        "status -A -o json",
        "doctor",
    ],
)
def test_commands_tell_the_objects_of_a_cluster_harmlessly(
    cluster: dict[str, str], words: str
) -> None:
    shown = on_terminal(cluster, *words.split())
    assert shown
    assert_harmless(shown)
    if words.startswith("cronjob logs"):
        assert "canary" in shown
