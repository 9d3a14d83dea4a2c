import subprocess
import sys
import zipfile
from pathlib import Path

from bodywork.cli.demo_project import NAME, demo_project

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_has_both_packages_and_the_example_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target=wheel", "--directory"]
    subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, check=True)
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    folders = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert folders == {"bodywork", "statemachine"}
    sources = {
        str(path.relative_to(ROOT)) for folder in folders for path in (ROOT / folder).rglob("*.py")
    }
    assert sources - names == set()
    project = demo_project()
    example = {path.relative_to(project) for path in project.rglob("*.*") if path.is_file()}
    kept = {path for path in example if "__pycache__" not in path.parts}
    assert kept
    assert {f"bodywork/examples/{NAME}/{path}" for path in kept} - names == set()
    assert not [name for name in names if "__pycache__" in name]
