"""The files that the user guide shows mean exactly what the guide says of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from bodywork.config import check_project, load_stage, load_workflow
from bodywork.errors import ConfigError
from bodywork.model.stage import Batch, SecretVariable, Service, Stage
from bodywork.model.tree import Entry
from bodywork.model.workflow import Workflow
from tests.bodywork.config.projects import write

WORKFLOW = """\
[default]
PROJECT_NAME="my-classification-project"
DOCKER_IMAGE="bodyworkml/bodywork-core:latest"

[workflow]
DAG=prepare-data >> train-svm, train-random-forest >> choose-model >> model-scoring-service

[logging]
LOG_LEVEL="INFO"
"""
SERVICE = """\
[default]
STAGE_TYPE="service"
EXECUTABLE_SCRIPT="model_scoring_app.py"
CPU_REQUEST=0.25
MEMORY_REQUEST_MB=100

[service]
MAX_STARTUP_TIME_SECONDS=30
REPLICAS=1
PORT=5000

[secrets]
USERNAME="my-classification-product-cloud-storage-credentials"
PASSWORD="my-classification-product-cloud-storage-credentials"
"""
BATCH = """\
[default]
STAGE_TYPE="batch"
EXECUTABLE_SCRIPT="{script}"
CPU_REQUEST=0.5
MEMORY_REQUEST_MB=100

[batch]
MAX_COMPLETION_TIME_SECONDS=30
RETRIES=2
"""
SCRIPTS = {
    "prepare-data": "prepare_data.py",
    "train-svm": "train_svm.py",
    "train-random-forest": "train_random_forest.py",
    "choose-model": "choose_model.py",
}
SECRET = "my-classification-product-cloud-storage-credentials"


def guide(root: Path) -> Path:
    """Write the guide's project."""
    files = {"bodywork.ini": WORKFLOW, "model-scoring-service/config.ini": SERVICE}
    for stage, script in {**SCRIPTS, "model-scoring-service": "model_scoring_app.py"}.items():
        files.setdefault(f"{stage}/config.ini", BATCH.format(script=script))
        files |= {f"{stage}/{script}": "", f"{stage}/requirements.txt": "pandas>=2\n"}
    return write(root, files)


def batch(name: str) -> Stage:
    """Return what the guide's batch stage of that name is."""
    return Stage(
        name=name,  # type: ignore[arg-type]  # a test need not spell every name's type
        kind=Batch(max_completion_time_seconds=30, retries=2),
        script=SCRIPTS[name],
        cpu_request=0.5,
        memory_request_mb=100,
        tree=f"tree of {name}",
    )


def test_the_guides_project_is_read_exactly(tmp_path: Path) -> None:
    names = [*SCRIPTS, "model-scoring-service"]
    service = Stage(
        name="model-scoring-service",  # type: ignore[arg-type]  # as above
        kind=Service(max_startup_time_seconds=30, replicas=1, port=5000),
        script="model_scoring_app.py",
        cpu_request=0.25,
        memory_request_mb=100,
        secrets=(SecretVariable("USERNAME", SECRET), SecretVariable("PASSWORD", SECRET)),
        tree="tree of model-scoring-service",
    )
    expected = Workflow(
        project="my-classification-project",  # type: ignore[arg-type]  # as above
        image="bodyworkml/bodywork-core:latest",
        steps=(  # type: ignore[arg-type]  # as above
            ("prepare-data",),
            ("train-svm", "train-random-forest"),
            ("choose-model",),
            ("model-scoring-service",),
        ),
        stages={stage.name: stage for stage in [*map(batch, SCRIPTS), service]},
        log_level="INFO",
        rollback_scope="run",
        run_on_failure=None,
    )
    entries = {name: Entry("folder", f"tree of {name}") for name in names}
    workflow = load_workflow(guide(tmp_path), entries)
    [shared] = {stage.shared_id for stage in workflow.stages.values()}
    alike = {name: replace(stage, shared_id=shared) for name, stage in expected.stages.items()}
    assert workflow == replace(expected, stages=alike)
    assert check_project(tmp_path) == []


def test_one_stage_can_be_read_alone(tmp_path: Path) -> None:
    stage = load_stage(guide(tmp_path), "train-svm")
    assert (stage.script, stage.tree) == ("train_svm.py", "")


@pytest.mark.parametrize("name", ["nowhere", "../x", "", ".git", "train-svm/..", "bodywork.ini"])
def test_a_stage_that_is_not_there_is_a_problem_of_the_project(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_stage(guide(tmp_path), name)
    assert [each.file for each in caught.value.problems] == ["."]


def test_the_iris_example_has_no_problem() -> None:
    example = Path(__file__).parents[3] / "examples" / "iris-classifier"
    assert check_project(example) == []
