"""The most that a run of a workflow can put on record, for the proof that its record fits. Pure.

Everything that a controller decides by is as long as it can be, and different for each stage, so
that nothing is shared; every word is there, for `bounds` to cut.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bodywork.model.names import LABEL_LENGTH, Namespace, RunName
from bodywork.model.run import Claim, ServiceVersion
from bodywork.model.stage import Service, Stage
from bodywork.model.workflow import Workflow
from bodywork.workflow.progress import Attempt, Progress, Request, StageProgress, Verdict

VERSION_LENGTH = 12
"""Characters of an engine's name for a version, beside the run's in it. Its identities of objects
are UUIDs or shorter."""
_LINE = "\U0001f600" * 200
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_ENDED = _BEGAN + timedelta(days=3650, microseconds=123457)
_MOST, _CODE = 10**4, -255


def largest_progress(workflow: Workflow) -> Progress:
    """Return the progress of a run all of whose stages have failed again and again, and whose
    services could not be restored."""
    stages = {
        name: _largest_stage(number, stage)
        for number, (name, stage) in enumerate(workflow.stages.items())
    }
    name = next(iter(workflow.stages))
    return Progress(
        RunName(_long("run", LABEL_LENGTH)),
        Request(Namespace(_long("namespace", LABEL_LENGTH)), "", ""),
        f"{0:064x}",
        workflow,
        stages,
        Verdict(
            "stage", _LINE, _LINE, name, _MOST, _CODE, (_LINE,) * 20, (_LINE,) * 20, final=True
        ),
        _long("somebody", LABEL_LENGTH),
        fixed=True,
        modules={_LINE: _LINE},
        outline={_LINE: _LINE},
        shortened=True,
    )


def _largest_stage(number: int, stage: Stage) -> StageProgress:
    """Return a stage that failed and begins again, of which a service has been restored as well."""
    uid, words = f"{number:08x}-{'0000-' * 3}{0:012}", f"{number} {_LINE}"
    began = _BEGAN + timedelta(days=3649, microseconds=number)
    attempts = (
        Attempt(
            _MOST + 1, "failed", uid, began, _ENDED, _CODE, words, True, True, (words,), words
        ),
        Attempt(_MOST + 2, reason=f"next {words}", hint=f"next {words}"),
    )  # fmt: skip
    progress = StageProgress(
        why=f"{words} why", attempts=attempts, forgotten=_MOST, forgotten_free=_MOST
    )
    if not isinstance(stage.kind, Service):
        return progress
    before = RunName(_long(f"{number} before", LABEL_LENGTH))
    version = ServiceVersion(before + "/" * VERSION_LENGTH, before, stage.name, f"{number:064x}")
    return replace(
        progress,
        claim=Claim(uid, version),
        restoration="restored",
        restoration_reason=f"{words} restoration",
        restoration_hint=f"{words} restoration",
    )


def _long(text: str, length: int) -> str:
    return text.ljust(length, "x")[:length]
