"""An environment with the packages of the iris project, kept between test runs.

The stages are run by it as processes, as a container would run them: their packages are not ours.
"""

import pytest

from bodywork.cli.demo_project import demo_project
from tests.servers.environments import cached_environment


@pytest.fixture(scope="session")
def iris_python() -> str:
    """The interpreter of an environment with every requirement of the iris project."""
    files = sorted(demo_project().glob("*/requirements.txt"))
    lines = {line for file in files for line in file.read_text().splitlines() if line.strip()}
    return str(cached_environment("iris", sorted(lines)))
