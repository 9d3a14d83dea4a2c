"""The embedded engine, and what runs in a stage's container, held to one contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.model.names import StageName
from bodywork.model.run import Phase
from bodywork.model.stage import Batch, Stage
from tests.bodywork.local.machine import Machine
from tests.contract.execution import Bench, ExecutionContract, Outcome
from tests.contract.scripts import ALL, LONG_LINE, Script


class LocalBench(Bench):
    """The embedded engine: supervisors and processes."""

    short_seconds = 3

    def __init__(self, root: Path, cache: Path) -> None:
        self.machine = Machine(root, cache)
        self.seen: dict[str, Outcome] = {}
        self.machine.publish(
            {f"{script.name}/main.py": script.code for script in (*ALL, LONG_LINE)}
        )

    def outcome(self, script: Script) -> Outcome:
        """Run it, unless it has run."""
        if script.name not in self.seen:
            self.seen[script.name] = self._run(script)
        return self.seen[script.name]

    def _run(self, script: Script) -> Outcome:
        stage = Stage(
            StageName(script.name), Batch(self.seconds(script), 0), "main.py", script.args
        )
        attempt = self.machine.start(stage)
        ended = self.machine.finish(attempt)
        assert (ended.phase is Phase.SUCCEEDED) == (script.exit_code == 0)
        return Outcome(ended.exit_code, ended.reason, tuple(self.machine.log(attempt)))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBench]:
    folder = tmp_path_factory.mktemp("local")
    bench = LocalBench(folder / "state", folder / "cache")
    yield bench
    bench.machine.clear()


class TestLocalEngine(ExecutionContract):
    @pytest.fixture
    def bench(self, local: LocalBench) -> Bench:
        return local
