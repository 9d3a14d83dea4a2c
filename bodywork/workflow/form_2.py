"""Records of the second form, which is written: what a run knows, in few bytes.

Facts that stages share are stored once, and what follows from something else is not stored: an
attempt's number from its place, a key for reuse from the workflow, an object's name from run, stage
and attempt. Stages and attempts are rows, a stage's by step, so the DAG needs no other place:

    stage    [name, script, definition, tree, why, [attempt, …], more]
    attempt  [state, uid, started, ended, exit code, reason, hint, tail, marks, number]
    claim    [uid, version]      version: [id, run, commit] or [id, run, commit, stage]

An empty end of a row is left out. `definition` is a place in `definitions`, a run or commit one in
`names`, a reason, hint or tail one in `words` (`bounds` says which of these are left out); times
are seconds since `since`; identities of hex digits are in base 64 (`identities`); "+" stands for
the run that a version's id begins with.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from datetime import datetime
from typing import Any, TypeAlias, cast

from bodywork.model.names import ProjectName, RunName, StageName
from bodywork.model.run import Claim, ServiceVersion, Unresolved
from bodywork.model.stage import Stage
from bodywork.model.workflow import Workflow
from bodywork.workflow.bounds import BLAMED, EARLIER, LAST, Words, budget_of
from bodywork.workflow.definitions import parse_stage, render_stage
from bodywork.workflow.form_1 import parse_request
from bodywork.workflow.identities import expand, shorten_identity
from bodywork.workflow.progress import (
    Attempt,
    AttemptState,
    Progress,
    StageProgress,
    Verdict,
)
from statemachine.checkpoint import Data
from statemachine.packing import pack_time, size_of, unpack_time

FORM = 2
Row: TypeAlias = list[Any]
_STATES: dict[AttemptState, str] = {
    "intended": "i", "started": "r", "succeeded": "s", "failed": "f", "lost": "l", "stopped": "x",
}  # fmt: skip
_FINAL, _FREE = "!", "f"
_STATE_OF = {letter: state for state, letter in _STATES.items()}


def render(progress: Progress, budget: int | None = None) -> dict[str, Any]:
    """Return the data of a progress, with words of at most `budget` bytes (as many as its record
    may have), and as few of them left out as that asks for."""
    most = budget_of(len(progress.stages)) if budget is None else budget
    packer = _Packer(progress)
    data = packer.pack()
    if not packer.words.cut(most - packer.earlier_bytes):
        progress = _fold(progress)
        packer = _Packer(progress)
        packer.pack()
        packer.words.cut(most, to_the_bone=True)
        packer = _Packer(progress, packer.words)  # for nothing to point to what is left out
        data = packer.pack()
    if words := packer.words.values():
        data["words"] = words
    if progress.shortened or packer.words.shortened:
        data["shortened"] = True
    return data


def parse(data: Data) -> Progress:
    """Return the progress of a record of this form.

    Raises:
        LookupError, TypeError, ValueError, AttributeError, OverflowError: it is of another form.
    """
    return _Unpacker(cast(Mapping[str, Any], data)).unpack()


class _Packer:
    """Packs one progress, with what is left of its words where they have been cut."""

    def __init__(self, progress: Progress, cut: Words | None = None) -> None:
        self._progress = progress
        self._names: dict[str, int] = {}
        self._definitions: dict[str, tuple[int, dict[str, Any]]] = {}
        times = [at for attempt in _attempts(progress) for at in _times(attempt) if at]
        self._since = min(times, default=None)
        self.words = Words(cut)
        self.earlier_bytes = 0

    def pack(self) -> dict[str, Any]:
        progress = self._progress
        data: dict[str, Any] = {
            "form": FORM,
            "run": progress.run,
            "request": _plain(progress.request),
        }
        if progress.commit:
            data["commit"] = progress.commit
        if progress.workflow:
            data |= self._workflow(progress.workflow)
        if progress.verdict:
            data["verdict"] = self._verdict(progress.verdict)
        if progress.cancelled_by:
            data["cancelled_by"] = progress.cancelled_by
        if progress.fixed:
            data["fixed"] = True
        if progress.modules:
            pairs = tuple(sorted(progress.modules.items()))
            data["modules"] = self.words.place(pairs, "modules")
        return data

    def _workflow(self, workflow: Workflow) -> dict[str, Any]:
        steps = [[self._stage(name) for name in step] for step in workflow.steps]
        placed = {name for step in workflow.steps for name in step}
        apart = [self._stage(name) for name in workflow.stages if name not in placed]
        data: dict[str, Any] = {
            "workflow": {
                "project": workflow.project,
                "image": workflow.image,
                "log_level": workflow.log_level,
                "rollback_scope": workflow.rollback_scope,
                "run_on_failure": workflow.run_on_failure,
            },
            "definitions": [definition for _, definition in self._definitions.values()],
            "steps": steps,
        }
        if apart:
            data["apart"] = apart
        if self._names:
            data["names"] = list(self._names)
        if self._since:
            data["since"] = self._since.isoformat()
        return data

    def _stage(self, name: StageName) -> Row:
        stage, progress = self._progress.project.stages[name], self._progress.stages[name]
        definition = render_stage(stage)
        script, tree = definition.pop("script"), definition.pop("tree", "")
        place, _ = self._definitions.setdefault(
            str(definition), (len(self._definitions), definition)
        )
        return _trimmed(
            [
                name,
                script,
                place,
                shorten_identity(tree),
                self.words.place(progress.why, "remark"),
                self._attempts(name, progress),
                self._more(name, progress),
            ]
        )

    def _attempts(self, name: StageName, stage: StageProgress) -> list[Row]:
        kept = len(stage.attempts) - _kept(stage)
        verdict = self._progress.verdict
        rows = []
        for position, attempt in enumerate(stage.attempts):
            is_last = position == len(stage.attempts) - 1
            blamed = is_last and verdict is not None and verdict.stage == name
            rank = BLAMED if blamed else LAST if is_last else EARLIER
            row = self._attempt(attempt, rank, stage.forgotten + position + 1)
            self.earlier_bytes += size_of(row) if position < kept else 0
            rows.append(row)
        return rows

    def _attempt(self, attempt: Attempt, rank: int, number: int) -> Row:
        return _trimmed(
            [
                _STATES[attempt.state],
                shorten_identity(attempt.uid),
                *(self._time(at) for at in _times(attempt)),
                attempt.exit_code,
                self.words.place(attempt.reason, "reason", rank),
                self.words.place(attempt.hint, "hint", rank),
                self.words.place(attempt.tail, "tail", rank),
                (_FINAL if attempt.final else "") + (_FREE if attempt.free else ""),
                attempt.number if attempt.number != number else None,
            ]
        )

    def _time(self, at: datetime | None) -> float | None:
        return pack_time(at, self._since) if at and self._since else None

    def _more(self, name: StageName, stage: StageProgress) -> dict[str, Any]:
        return _without_empty(
            {
                "action": stage.action if stage.action != "run" else None,
                "reused_from": self._name(stage.reused_from),
                "claim": self._claim(name, stage.claim) if stage.claim else None,
                "waits_for": self._name(stage.waits_for),
                "restoration": self._restoration(stage),
                "forgotten": _trimmed([stage.forgotten or None, stage.forgotten_free or None]),
            }
        )

    def _restoration(self, stage: StageProgress) -> Row:
        reason = self.words.place(stage.restoration_reason, "remark")
        hint = self.words.place(stage.restoration_hint, "hint")
        return _trimmed([stage.restoration, reason, hint])

    def _claim(self, name: StageName, claim: Claim) -> Row:
        row: Row = [shorten_identity(claim.uid)]
        before = claim.previous
        if isinstance(before, Unresolved):
            row.append({"unresolved": self.words.place(before.reason, "reason")})
        elif before:
            commit = self._name(shorten_identity(before.commit))
            own = before.id.removeprefix(before.run)
            short = f"+{own}" if before.run and own != before.id else f"={before.id}"
            version = [short, self._name(before.run), commit]
            row.append([*version, before.stage] if before.stage != name else version)
        return row

    def _name(self, text: str) -> int | None:
        """Return the place of a run's or commit's name; None for none."""
        return self._names.setdefault(text, len(self._names)) if text else None

    def _verdict(self, verdict: Verdict) -> dict[str, Any]:
        words = {
            "reason": self.words.place(verdict.reason, "reason", BLAMED),
            "hint": self.words.place(verdict.hint, "hint", BLAMED),
            "tail": self.words.place(verdict.tail, "tail", BLAMED),
            "details": self.words.place(verdict.details, "details", BLAMED),
        }
        facts = replace(verdict, reason="", hint="", tail=(), details=())
        return _plain(facts) | {"reason": None} | _without_empty(words)


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
            final=_FINAL in (marks or ""),
            free=_FREE in (marks or ""),
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


def _fold(progress: Progress) -> Progress:
    """Return the progress with no more than the number of the attempts that others followed."""
    stages = {name: _folded(stage) for name, stage in progress.stages.items()}
    shortened = progress.shortened or stages != progress.stages
    return replace(progress, stages=stages, shortened=shortened)


def _folded(stage: StageProgress) -> StageProgress:
    kept = _kept(stage)
    earlier = stage.attempts[: len(stage.attempts) - kept]
    return replace(
        stage,
        attempts=stage.attempts[len(earlier) :],
        forgotten=stage.forgotten + len(earlier),
        forgotten_free=stage.forgotten_free + sum(attempt.free for attempt in earlier),
    )


def _kept(stage: StageProgress) -> int:
    """Return how many attempts are kept in any case: the newest; and the one before it for as long
    as the newest has not begun, since both may be news of the same save, for hooks."""
    latest = stage.latest
    return min(len(stage.attempts), 2 if latest and latest.state == "intended" else 1)


def _attempts(progress: Progress) -> Iterator[Attempt]:
    return (attempt for stage in progress.stages.values() for attempt in stage.attempts)


def _times(attempt: Attempt) -> tuple[datetime | None, datetime | None]:
    return attempt.started_at, attempt.ended_at


def _trimmed(row: Row) -> Row:
    while row and row[-1] in (None, [], {}, ""):
        row.pop()
    return row


def _padded(row: Sequence[Any], length: int) -> Row:
    if len(row) > length or not isinstance(row, list):
        raise ValueError(f"a row of {len(row)} fields, where {length} are known")
    return [*row, *[None] * (length - len(row))]


def _plain(value: Any) -> dict[str, Any]:
    """Return a flat dataclass as a dictionary, without its defaults."""
    plain = {}
    for each in fields(value):
        content = getattr(value, each.name)
        if each.default is MISSING or content != each.default:
            plain[each.name] = list(content) if isinstance(content, tuple) else content
    return plain


def _without_empty(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if value is not None and value != []}
