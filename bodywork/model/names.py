"""The only maker of names: what may be called what, and how it looks in Kubernetes.

A name is validated once, here, and carried as a value from then on; it is never parsed back out of
a string. Kubernetes' names are RFC 1123 labels: at most 63 of a-z, 0-9 and "-", with a letter or
digit at both ends (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/);
a Service's name also starts with a letter (RFC 1035).
"""

import hashlib
import re
from typing import NewType

StageName = NewType("StageName", str)
ProjectName = NewType("ProjectName", str)
Namespace = NewType("Namespace", str)
RunName = NewType("RunName", str)

LABEL_LENGTH = 63
JOB_LENGTH = 52
MOST_RETRIES = 9
BY_HAND = RunName("by-hand")
"""What a stage that a person starts by itself takes for its run."""
_RETRY = "-retry-"
GIVEN_LENGTH = LABEL_LENGTH - len(f"{_RETRY}{MOST_RETRIES}")
"""How long a run's name may be that is given beforehand: its retries have longer ones."""
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_SPELLING = re.compile(r"[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?\Z")


def kubernetes_form(name: str) -> str:
    """Return the name as Kubernetes would bear it: lower case, "-" for "_" and "."."""
    return re.sub(r"[_.]", "-", name).lower()


def problem_with_label(text: str) -> str:
    """Say why `text` is no RFC 1123 label, or return "" where it is one."""
    if not text:
        return "is empty"
    if len(text) > LABEL_LENGTH:
        return f"has {len(text)} characters; at most {LABEL_LENGTH} are possible"
    if not _LABEL.match(text):
        return "may only have a-z, 0-9 and '-', and must start and end with a letter or digit"
    return ""


def problem_with_name(text: str) -> str:
    """Say why `text` cannot name a project or stage, or return "" where it can.

    Capitals, "_" and "." are fine: they have a Kubernetes form.
    """
    if not text:
        return "is empty"
    if not _SPELLING.match(text):
        return (
            "may only have letters, digits, '-', '_' and '.', and must start and end with a "
            "letter or digit"
        )
    return problem_with_label(kubernetes_form(text))


def service_name(project: str, stage: str) -> str:
    """Return the name of a stage's objects, `project--stage`, as the guide shows it."""
    return f"{kubernetes_form(project)}--{kubernetes_form(stage)}"


def retry_name(run: str, number: int) -> RunName:
    """Return the name of the run that is the retry of that number of a run (0: itself)."""
    return RunName(f"{run}{_RETRY}{number}" if number else run)


def short_hash(*parts: str, length: int = 8) -> str:
    """Return a stable short hash of the parts, as hexadecimal digits."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


def job_name(run: str, project: str, stage: str, attempt: int) -> str:
    """Return the one name that the Job of this attempt can have (at most 52 characters).

    The hash carries the identity; the readable part is for people and may be cut short.
    """
    digest = short_hash(run, stage, str(attempt), length=10)
    readable = service_name(project, stage)[: JOB_LENGTH - len(digest) - 1].rstrip("-")
    return f"{readable}-{digest}"
