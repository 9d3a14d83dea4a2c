"""What must hold in the end of a pair."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bodywork.local.supervisor.files import is_held
from bodywork.workflow.record import parse_progress
from tests.pairs import processes

if TYPE_CHECKING:
    from tests.pairs.pair import Pair

Rule = Callable[["Pair"], Iterator[str]]


def violations(pair: "Pair") -> list[str]:
    """Return what a pair broke, as `rule: what happened`."""
    return [f"{rule.__name__}: {what}" for rule in RULES for what in rule(pair)]


def every_run_ends(pair: "Pair") -> Iterator[str]:
    """`--resume` or `cancel` brings each run to an end."""
    for run in pair.unfinished():
        yield f"{run} is {pair.states()[run]}"


def one_start_per_attempt(pair: "Pair") -> Iterator[str]:
    """No attempt's script starts twice; that of a version which was live may come back."""
    for (run, stage, attempt), count in _starts(pair).items():
        service = pair.watch.services.get(f"shop--{stage}")
        was_live = service is not None and f"{run}-{attempt}" in service.accepted
        if count > 1 and not was_live:
            yield f"{run} {stage} {attempt} started {count} times"


def commit_on_record_is_the_one_that_ran(pair: "Pair") -> Iterator[str]:
    """What a stage ran is of the commit on its run's record."""
    for line in _effects(pair):
        run, stage, _, commit = line.split()
        found = pair.watch.checkpoint(run)
        recorded = parse_progress(found.data).commit if found else commit
        if recorded != commit:
            yield f"{run} {stage} ran {commit[:7]}, on record is {recorded[:7]}"


def the_last_accepted_version_is_live(pair: "Pair") -> Iterator[str]:
    """A service has the version that was accepted last by a run that kept it."""
    for service in pair.watch.services.values():
        standing = pair.watch.standing(service)
        wanted = standing[-1] if standing else ""
        if service.live != wanted:
            yield f"{service.name} has {service.live or 'nothing'}, not {wanted or 'nothing'}"


def no_process_is_left(pair: "Pair") -> Iterator[str]:
    """Nothing runs but live versions."""
    from tests.pairs.pair import owned

    for pid in processes.settle_to(owned(pair.namespace)):
        where = Path(f"/proc/{pid}/cwd")
        yield f"process {pid} in {where.readlink() if where.exists() else 'nowhere'}"


def no_folder_is_left(pair: "Pair") -> Iterator[str]:
    """Nothing is kept that neither a live version, nor a roll-back, nor a record needs."""
    namespace, runs = pair.namespace, pair.states()
    for path in namespace.glob("runs/*/*"):
        if path.name.startswith(("source", ".source")):
            yield f"{path.relative_to(namespace)}"
    for path in namespace.glob("runs/*/attempts/*/*/work"):
        yield f"{path.relative_to(namespace)}"
    for path in [*namespace.glob("runs/*/attempts/*/.*"), *namespace.glob("runs/.*")]:
        yield f"{path.relative_to(namespace)}"
    for folder in namespace.glob("services/*/versions/*"):
        service = pair.watch.services[folder.parent.parent.name]
        needed = folder.name in (service.live, service.previous)
        if (folder / "work").exists() and not needed:
            yield f"{folder.relative_to(namespace)}/work"
        if folder.name.rpartition("-")[0] not in runs and not needed:
            yield f"{folder.relative_to(namespace)}, whose run is on record no more"
        if is_held(str(folder)) and not needed:
            yield f"{folder.relative_to(namespace)} runs"


RULES: tuple[Rule, ...] = (
    every_run_ends,
    one_start_per_attempt,
    commit_on_record_is_the_one_that_ran,
    the_last_accepted_version_is_live,
    no_process_is_left,
    no_folder_is_left,
)


def _effects(pair: "Pair") -> list[str]:
    file = pair.root / "effects"
    return file.read_text().splitlines() if file.exists() else []


def _starts(pair: "Pair") -> Counter[tuple[str, str, str]]:
    counted: Counter[tuple[str, str, str]] = Counter()
    for line in _effects(pair):
        run, stage, attempt, _ = line.split()
        counted[run, stage, attempt] += 1
    return counted
