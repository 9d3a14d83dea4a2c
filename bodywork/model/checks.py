"""What was looked at before anything is run: the words of `bodywork doctor`.

A check that fails names what would go wrong; where something merely cannot be seen, or works with a
loss, it is a warning. Engines yield them in the order in which a person would ask.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

CheckStatus: TypeAlias = Literal["ok", "warning", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what, in a word or two; the same one for the same thing, for programs.
        status: `skipped` where it was not looked at; the message says why.
        message: what was found, on one line.
        hint: what to do about it; empty where it is fine.
    """

    name: str
    status: CheckStatus
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be there besides the engine itself.

    Attributes:
        secrets: name → the keys that it must have; with none, being there is enough.
        image: one that a container must be able to start from; "" for the namespace's, if it has
            one.
        image_seconds: how long that may take.
        cronjobs: schedules that must be able to start a run.
        image_needed: whether it is a failure if there is none at all.
    """

    secrets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    image: str = ""
    image_seconds: float = 120.0
    image_needed: bool = False
    cronjobs: tuple[str, ...] = ()


def check_secret(
    secret: str, needed: Collection[str], found: Collection[str] | None, where: str
) -> Check:
    """Judge a secret by its keys alone; `found` is None where there is no such secret.

    Args:
        secret: its name.
        needed, found: keys.
        where: options that make `bodywork secret` work in the same place.
    """
    name = f"secret: {secret}"
    absent = sorted(set(needed) - set(found or ()))
    pairs = " ".join(f"{key}=…" for key in absent) or "KEY=…"
    words = f"{where} --name={secret} --data {pairs}"
    if found is None:
        hint = f"make it: bodywork secret create {words}"
        return Check(name, "fail", f"there is no secret {secret}", hint)
    if absent:
        hint = f"add: bodywork secret update {words}"
        return Check(name, "fail", f"it lacks {', '.join(absent)}", hint)
    return Check(name, "ok", ", ".join(sorted(needed)) or "it is there")
