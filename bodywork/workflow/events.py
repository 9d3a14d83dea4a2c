"""What hooks may want to hear of a run, apart from its moves: see `workflow.hooks`."""

from bodywork.workflow.progress import Progress
from statemachine.outcome import Event


def _event(topic: str, **data: str | int | None) -> Event:
    return Event(topic, data)


def attempt_events(before: Progress, after: Progress) -> tuple[Event, ...]:
    """Return the events of the attempts that changed."""
    events = []
    for name, stage in after.stages.items():
        known = len(before.stages[name].attempts)
        for attempt in stage.attempts:
            then = before.stages[name].attempts[attempt.number - 1 : attempt.number]
            state = then[0].state if then else "intended"
            data: dict[str, str | int | None] = {"stage": name, "attempt": attempt.number}
            data["reason"] = attempt.reason
            if attempt.number > known:
                events.append(_event("stage.retry", **data))
            if state == "intended" and attempt.state != "intended":
                events.append(_event("stage.started", **data))
            if not attempt.active and (not then or then[0].active):
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
