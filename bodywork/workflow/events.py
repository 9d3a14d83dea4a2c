"""What hooks may want to hear of a run, apart from its moves: see `workflow.hooks`."""

from bodywork.workflow.bounds import shorten
from bodywork.workflow.progress import Progress
from statemachine.outcome import Event

REASON_BYTES, REASONS_BYTES, SHORTEST_BYTES = 2000, 24 << 10, 20
"""Of an attempt's reason, as a hook gets it; of all of one save, which share them; and what each
gets at the least. What is due for hooks has to fit into the record, with the run."""


def _event(topic: str, **data: str | int | None) -> Event:
    return Event(topic, data)


def attempt_events(before: Progress, after: Progress) -> tuple[Event, ...]:
    """Return the events of the attempts that changed: one each, but for those that `reconcile`
    moves on, of which it takes few into one save."""
    events = []
    most = _share(before, after)
    for name, stage in after.stages.items():
        latest = before.stages[name].latest
        known = {attempt.number: attempt for attempt in before.stages[name].attempts}
        for attempt in stage.attempts:
            then = known.get(attempt.number)
            state = then.state if then else "intended"
            data: dict[str, str | int | None] = {"stage": name, "attempt": attempt.number}
            data["reason"] = shorten(attempt.reason, most)
            if attempt.number > (latest.number if latest else 0):
                events.append(_event("stage.retry", **data))
            if state == "intended" and (attempt.state == "started" or attempt.started_at):
                events.append(_event("stage.started", **data))
            if not attempt.active and (not then or then.active):
                code = attempt.exit_code
                events.append(_event(f"stage.{attempt.state}", **data, exit_code=code))
    return tuple(events)


def _share(before: Progress, after: Progress) -> int:
    """Return how many bytes of a reason each event gets."""
    changed = sum(stage != before.stages[name] for name, stage in after.stages.items())
    return max(SHORTEST_BYTES, min(REASON_BYTES, REASONS_BYTES // max(1, 2 * changed)))


def restored_events(before: Progress, after: Progress) -> tuple[Event, ...]:
    """Return an event for each service whose roll-back has come to an end."""
    return tuple(
        _event("rollback.service", stage=name, outcome=stage.restoration)
        for name, stage in after.stages.items()
        if stage.restoration != before.stages[name].restoration
    )
