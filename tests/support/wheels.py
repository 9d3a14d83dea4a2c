"""Packages that tests install without a network: wheels, and projects that need no build tool."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

_BACKEND = """
import os, zipfile
VALUE = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "value.txt")).read()
def build_wheel(folder, config_settings=None, metadata_directory=None):
    info = "NAME-1.dist-info/"
    name = "NAME-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("NAME.py", f"VALUE = {VALUE!r}")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: NAME\\nVersion: 1\\n")
        tags = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(info + "WHEEL", tags)
        wheel.writestr(info + "RECORD", "NAME.py,,\\n")
    return name
build_editable = build_wheel
"""


def make_wheel(
    folder: Path, name: str, value: str, version: str = "1", needs: Sequence[str] = ()
) -> Path:
    """Write the wheel of a module with one VALUE, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
    tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f"VALUE = {value!r}\n")
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}"
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/RECORD,,\n")
    return path


def project_files(name: str, value: str) -> dict[str, str]:
    """Return the files of a project that is built without anything from elsewhere."""
    return {
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\n"
        f"backend-path = ['.']\n[project]\nname = '{name}'\nversion = '1'\n",
        "backend.py": _BACKEND.replace("NAME", name),
        "value.txt": value,
    }


def make_project(folder: Path, name: str, value: str) -> Path:
    """Write such a project, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in project_files(name, value).items():
        (folder / file).write_text(text)
    return folder
