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

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from datetime import datetime
from typing import Any

from bodywork.model.names import StageName
from bodywork.model.run import Claim, Unresolved
from bodywork.model.workflow import Workflow
from bodywork.workflow.bounds import BLAMED, EARLIER, LAST, Words, budget_of
from bodywork.workflow.definitions import render_stage
from bodywork.workflow.form_2_reading import FINAL, FORM, FREE, STATES, Row
from bodywork.workflow.identities import shorten_identity
from bodywork.workflow.progress import (
    Attempt,
    Progress,
    StageProgress,
    Verdict,
)
from statemachine.packing import pack_time, size_of


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
        if progress.outline:
            pairs = tuple(sorted(progress.outline.items()))
            data["outline"] = self.words.place(pairs, "outline")
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
                STATES[attempt.state],
                shorten_identity(attempt.uid),
                *(self._time(at) for at in _times(attempt)),
                attempt.exit_code,
                self.words.place(attempt.reason, "reason", rank),
                self.words.place(attempt.hint, "hint", rank),
                self.words.place(attempt.tail, "tail", rank),
                (FINAL if attempt.final else "") + (FREE if attempt.free else ""),
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
