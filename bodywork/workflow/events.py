"""What hooks may want to hear of a run, apart from its moves: see `workflow.hooks`."""

from bodywork.workflow.bounds import shorten
from bodywork.workflow.progress import Progress
from statemachine.outcome import Event

REASON_BYTES = 2000
"""Of an attempt's reason, as a hook gets it."""


def _event(topic: str, **data: str | int | None) -> Event:
    return Event(topic, data)


def attempt_events(before: Progress, after: Progress) -> tuple[Event, ...]:
    """Return the events of the attempts that changed."""
    events = []
    for name, stage in after.stages.items():
        latest = before.stages[name].latest
        known = {attempt.number: attempt for attempt in before.stages[name].attempts}
        for attempt in stage.attempts:
            then = known.get(attempt.number)
            state = then.state if then else "intended"
            data: dict[str, str | int | None] = {"stage": name, "attempt": attempt.number}
            data["reason"] = shorten(attempt.reason, REASON_BYTES)
            if attempt.number > (latest.number if latest else 0):
                events.append(_event("stage.retry", **data))
            if state == "intended" and attempt.state != "intended":
                events.append(_event("stage.started", **data))
            if not attempt.active and (not then or then.active):
                code = attempt.exit_code
                events.append(_event(f"stage.{attempt.state}", **data, exit_code=code))
    return tuple(events)


def restored_events(before: Progress, after: Progress) -> tuple[Event, ...]:
    """Return an event for each service whose roll-back has come to an end."""
    return tuple(
        _event("rollback.service", stage=name, outcome=stage.restoration)
        for name, stage in after.stages.items()
        if stage.restoration != before.stages[name].restoration
    )
