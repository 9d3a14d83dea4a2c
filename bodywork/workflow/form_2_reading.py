"""Reading of records of the second form, which `form_2` describes and writes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, cast

from bodywork.model.names import ProjectName, RunName, StageName
from bodywork.model.run import Claim, ServiceVersion, Unresolved
from bodywork.model.stage import Stage
from bodywork.model.workflow import Workflow
from bodywork.workflow.definitions import parse_stage
from bodywork.workflow.form_1 import parse_request
from bodywork.workflow.identities import expand
from bodywork.workflow.progress import Attempt, AttemptState, Progress, StageProgress, Verdict
from statemachine.checkpoint import Data
from statemachine.packing import unpack_time

FORM = 2
Row: TypeAlias = list[Any]
STATES: dict[AttemptState, str] = {
    "intended": "i", "started": "r", "succeeded": "s", "failed": "f", "lost": "l", "stopped": "x",
}  # fmt: skip
FINAL, FREE = "!", "f"
_STATE_OF = {letter: state for state, letter in STATES.items()}


def parse(data: Data) -> Progress:
    """Return the progress of a record of this form.

    Raises:
        LookupError, TypeError, ValueError, AttributeError, OverflowError: it is of another form.
    """
    return _Unpacker(cast(Mapping[str, Any], data)).unpack()


class _Unpacker:
    """Unpacks one record."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._names = dict(enumerate(raw.get("names", ())))
        self._words = dict(enumerate(raw.get("words", ())))
        self._since = datetime.fromisoformat(raw["since"]) if "since" in raw else None

    def unpack(self) -> Progress:
        raw = self._raw
        known = "workflow" in raw
        rows = [row for step in raw["steps"] for row in step] if known else []
        rows += raw.get("apart", ())
        return Progress(
            run=RunName(raw["run"]),
            request=parse_request(raw["request"]),
            commit=raw.get("commit", ""),
            workflow=self._workflow(rows) if known else None,
            stages={StageName(row[0]): self._stage(*_padded(row, 7)) for row in rows},
            verdict=self._verdict(raw["verdict"]) if "verdict" in raw else None,
            cancelled_by=raw.get("cancelled_by", ""),
            fixed=raw.get("fixed", False),
            modules=dict(self._lines(raw.get("modules"))),
            outline=dict(self._lines(raw.get("outline"))),
            shortened=raw.get("shortened", False),
        )

    def _workflow(self, rows: Sequence[Row]) -> Workflow:
        head = self._raw["workflow"]
        failure = head["run_on_failure"]
        return Workflow(
            project=ProjectName(head["project"]),
            image=head["image"],
            steps=tuple(tuple(StageName(row[0]) for row in step) for step in self._raw["steps"]),
            stages={StageName(row[0]): self._definition(*_padded(row, 7)[:4]) for row in rows},
            log_level=head["log_level"],
            rollback_scope=head["rollback_scope"],
            run_on_failure=StageName(failure) if failure else None,
        )

    def _definition(self, name: str, script: str, place: int, tree: str | None) -> Stage:
        definition = self._raw["definitions"][place]
        return parse_stage(StageName(name), {**definition, "script": script, "tree": expand(tree)})

    def _stage(self, name: str, _: Any, __: Any, ___: Any, why: Any, rows: Any, more: Any) -> Any:
        more = more or {}
        forgotten, free = (count or 0 for count in _padded(more.get("forgotten", []), 2))
        restoration, reason, hint = _padded(more.get("restoration", []), 3)
        return StageProgress(
            action=more.get("action", "run"),
            why=self._text(why),
            reused_from=self._name(more.get("reused_from")),
            attempts=tuple(
                self._attempt(forgotten + position, row)
                for position, row in enumerate(rows or (), start=1)
            ),
            claim=self._claim(name, *_padded(more["claim"], 2)) if "claim" in more else None,
            waits_for=self._name(more.get("waits_for")),
            restoration=restoration or "",
            restoration_reason=self._text(reason),
            restoration_hint=self._text(hint),
            forgotten=forgotten,
            forgotten_free=free,
        )

    def _attempt(self, expected: int, row: Row) -> Attempt:
        state, uid, started, ended, code, reason, hint, tail, marks, number = _padded(row, 10)
        return Attempt(
            number=expected if number is None else number,
            state=_STATE_OF[state],
            uid=expand(uid),
            started_at=self._time(started),
            ended_at=self._time(ended),
            exit_code=code,
            reason=self._text(reason),
            final=FINAL in (marks or ""),
            free=FREE in (marks or ""),
            tail=self._lines(tail),
            hint=self._text(hint),
        )

    def _time(self, seconds: Any) -> datetime | None:
        if seconds is None or self._since is None:
            return None
        return unpack_time(seconds, self._since)

    def _claim(self, name: str, uid: Any, before: Any) -> Claim:
        if before is None:
            return Claim(expand(uid))
        if isinstance(before, dict):
            return Claim(expand(uid), Unresolved(self._text(before["unresolved"])))
        short, place, commit, stage = _padded(before, 4)
        run = self._name(place)
        version = ServiceVersion(
            id=f"{run if short[0] == '+' else ''}{short[1:]}",
            run=RunName(run),
            stage=StageName(name if stage is None else stage),
            commit=expand(self._name(commit)),
        )
        return Claim(expand(uid), version)

    def _verdict(self, raw: Mapping[str, Any]) -> Verdict:
        return Verdict(
            **{
                **raw,
                "reason": self._text(raw["reason"]),
                "hint": self._text(raw.get("hint")),
                "tail": self._lines(raw.get("tail")),
                "details": self._lines(raw.get("details")),
            }
        )

    def _text(self, place: Any) -> str:
        return "" if place is None else str(self._words[place] or "")

    def _lines(self, place: Any) -> tuple[Any, ...]:
        return () if place is None else tuple(self._words[place] or ())

    def _name(self, place: Any) -> str:
        return "" if place is None else str(self._names[place])


def _padded(row: Sequence[Any], length: int) -> Row:
    if len(row) > length or not isinstance(row, list):
        raise ValueError(f"a row of {len(row)} fields, where {length} are known")
    return [*row, *[None] * (length - len(row))]
