"""The DAG string: steps joined by `>>`, the stages of a step by commas."""

from bodywork.config.hostile import shorten
from bodywork.model.names import problem_with_name

MOST_STAGES = 500
"""A run's record of as many stages is sure to fit into a checkpoint, whatever they are called."""


def parse_dag(text: str) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    """Return the stages of each step, and what is wrong with the string.

    Where something is wrong, names that no stage can have may be among the stages.
    """
    if not text.strip():
        return (), ["is empty; name at least one stage"]
    number_of_names = text.count(",") + text.count(">>") + 1
    if number_of_names > MOST_STAGES:
        return (), [f"has {number_of_names} stages; at most {MOST_STAGES} are possible"]
    faults = []
    steps = []
    seen: set[str] = set()
    for number, part in enumerate(text.split(">>"), start=1):
        names = [name.strip() for name in part.split(",")]
        if names == [""]:
            faults.append(f"step {number} is empty")
            continue
        for name in names:
            fault = _problem_with(name, seen)
            if fault:
                faults.append(f"step {number}: {fault}")
            seen.add(name)
        steps.append(tuple(name for name in names if name))
    return tuple(steps), faults


def _problem_with(name: str, seen: set[str]) -> str:
    if not name:
        return "a stage is missing beside a comma"
    if name in seen:
        return f"stage {shorten(name)} stands twice"
    if ">" in name:
        return f"{shorten(name)}: steps are separated by >>"
    fault = problem_with_name(name)
    return f"stage {shorten(name)} {fault}" if fault else ""
