"""Where the example project is: inside an installed package, or in the repository beside it."""

from pathlib import Path

from bodywork.errors import NotFound

NAME = "iris-classifier"


def demo_project() -> Path:
    """Return the folder of the example. Raises `NotFound` where it was not installed."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "examples" / NAME, package.parent / "examples" / NAME):
        if (folder / "bodywork.ini").exists():
            return folder
    raise NotFound("the example project is not part of this installation")
