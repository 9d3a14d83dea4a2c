"""The example project, each of its scripts run for real."""

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bodywork.cli.demo_project import demo_project
from bodywork.config import check_project, load_workflow

pytestmark = pytest.mark.timeout(600)  # the first test of a machine installs scikit-learn

STUB_MODEL = """
import joblib, pathlib, sys
from sklearn.dummy import DummyClassifier
model = DummyClassifier(strategy="constant", constant=1).fit([[0, 0], [1, 1]], [0, 1])
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)
what = {"name": "stub", "accuracy": 0.5, "model": model, "classes": ["setosa", "versicolor"]}
joblib.dump(what, folder / "model.joblib")
"""


def environment(store: str | Path, run: str) -> dict[str, str]:
    return {**os.environ, "ARTEFACT_STORE": str(store), "BODYWORK_ORIGIN_RUN_ID": run}


def run_stage(python: str, name: str, store: str | Path, run: str = "run-1") -> str:
    """Run a batch stage's script in its folder; return what it printed."""
    done = subprocess.run(
        [python, f"{name.replace('-', '_')}.py"],
        cwd=demo_project() / name,
        env=environment(store, run),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(python: str, store: str | Path, run: str = "run-1") -> Iterator[str]:
    """Run the service until the end of the block; yield its address."""
    port = free_port()
    process = subprocess.Popen(
        [python, "model_scoring_app.py", str(port)],
        cwd=demo_project() / "model-scoring-service",
        env=environment(store, run),
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().endswith(f"on port {port}\n")
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def ask(address: str, body: bytes | None = None) -> tuple[int, dict[str, object]]:
    """Send a request past every proxy; return the status and the answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(address, body), timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read())


def test_the_project_is_valid() -> None:
    assert list(check_project(demo_project())) == []
    workflow = load_workflow(demo_project())
    assert [sorted(step) for step in workflow.steps] == [
        ["prepare-data"],
        ["train-random-forest", "train-svm"],
        ["choose-model"],
        ["model-scoring-service"],
    ]


def test_stages_that_exchange_models_use_one_version_of_their_library() -> None:
    files = demo_project().glob("*/requirements.txt")
    pins = {line for f in files for line in f.read_text().splitlines() if "scikit-learn" in line}
    assert len(pins) == 1


def test_the_stages_hand_a_model_from_one_to_the_next(iris_python: str, tmp_path: Path) -> None:
    assert "105 flowers to train with" in run_stage(iris_python, "prepare-data", tmp_path)
    for name in ("train-svm", "train-random-forest"):
        assert "accuracy on flowers it has not seen: 0." in run_stage(iris_python, name, tmp_path)
    chosen = run_stage(iris_python, "choose-model", tmp_path).splitlines()[-1]
    with serving(iris_python, tmp_path) as address:
        status, answer = ask(address, json.dumps({"x": 5.1, "y": 3.5}).encode())
    assert (status, answer["species"]) == (200, "setosa")
    assert chosen == f"chose {answer['model']}"


def test_the_artefact_store_may_be_an_address_too(iris_python: str, tmp_path: Path) -> None:
    run_stage(iris_python, "prepare-data", tmp_path.as_uri(), run="run-2")
    assert (tmp_path / "run-2" / "data.joblib").exists()


def test_the_service_answers_with_the_model_of_its_own_run(
    iris_python: str, tmp_path: Path
) -> None:
    subprocess.run([iris_python, "-c", STUB_MODEL, str(tmp_path / "old-run")], check=True)
    with serving(iris_python, tmp_path, run="old-run") as address:
        assert ask(address) == (200, {"model": "stub", "accuracy": 0.5})


@pytest.fixture(scope="module")
def service(iris_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = tmp_path_factory.mktemp("store")
    subprocess.run([iris_python, "-c", STUB_MODEL, str(store / "run-1")], check=True)
    with serving(iris_python, store) as address:
        yield address


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"no json", "the body is not a JSON object"),
        (b"[5.1, 3.5]", "the body is not a JSON object"),
        (b'{"x": 5.1}', "y is missing"),
        (b'{"x": "long", "y": 3.5}', "x is not a number"),
        (b'{"x": true, "y": 3.5}', "x is not a number"),
        (b'{"x": NaN, "y": 3.5}', "x is no size of a sepal in cm"),
        (b'{"x": 5.1, "y": -1}', "y is no size of a sepal in cm"),
    ],
)
def test_the_service_says_what_is_wrong_with_a_request(
    service: str, body: bytes, complaint: str
) -> None:
    status, answer = ask(service, body)
    assert (status, answer["error"]) == (400, complaint)
    assert '{"x": 5.1, "y": 3.5}' in str(answer["usage"])
