"""Secrets in a history: where their text comes from, and where none of it may go.

The address of the repository has a password; some stages have secrets, and print them; what they
print, servers answer and clusters report has addresses with passwords in it. They are drawn apart
from the story, so that a seed's story is what it was without them.
"""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import quote

from bodywork.model.redaction import hide
from bodywork.model.stage import SecretVariable
from bodywork.model.workflow import Workflow
from tests.servers.kubernetes_objects import Object
from tests.support.canaries import CORE, FORMS

SECRETS = {
    "TOKEN": f"{CORE}/to ken?#@%",
    "KEY": f"-----BEGIN KEY-----\n{CORE}AAAA\n{CORE}BBBB\n-----END KEY-----\n",
    "JSON": f'{{"password": "{CORE}\\"é"}}',
}
ADDRESS = f"https://ada:{quote(SECRETS['TOKEN'], safe='')}@git.example/repo"
TELLING = f"https://robot:{CORE} x@proxy.example/simple"
"""An address as servers and tools repeat it."""
_LOG_BYTES = 2048


def give_secrets(project: Workflow, seed: int) -> Workflow:
    """Return the project, in which some stages have secrets."""
    dice = random.Random(f"canaries {seed}")
    stages = {}
    for name, stage in project.stages.items():
        chosen = dice.sample(sorted(SECRETS), dice.randint(0, len(SECRETS)))
        secrets = tuple(SecretVariable(variable, "vault") for variable in chosen)
        stages[name] = replace(stage, secrets=secrets)
    return replace(project, stages=stages)


def last_message(container: Object, seed: str) -> str:
    """Return what the container's status keeps of what it printed: by the kubelet, or as
    `bodywork stage` writes it, which knows the values."""
    dice = random.Random(seed)
    values = [SECRETS[name] for name in _filled(container)]
    lines = [f"boom {dice.choice(list(FORMS.values()))(value)} boom" for value in values]
    printed = "\n".join(["boom" * dice.choice([1, 600]), *lines, f"no index at {TELLING}", "boom"])
    if container["terminationMessagePolicy"] == "File":
        return hide(printed, values)
    return printed[-_LOG_BYTES:]


@contextmanager
def heard() -> Iterator[list[str]]:
    """Collect what is logged, and nothing else is done with it."""
    handler, root = _Collector(), logging.getLogger()
    handlers, level, disabled = root.handlers[:], root.level, root.manager.disable
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.disable(logging.NOTSET)
    try:
        yield handler.lines
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.disable(disabled)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def handle(self, record: logging.LogRecord) -> bool:
        """Keep the message; no lock is needed where one thread is at work."""
        self.lines.append(record.getMessage())
        return True


def _filled(container: Object) -> list[str]:
    """Return the variables that the kubelet fills with secrets of the stage."""
    return [each["name"] for each in container.get("env") or () if each["name"] in SECRETS]
