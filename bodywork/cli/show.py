"""One look at a namespace's runs, or at one of them, in the form that was asked for."""

import os
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bodywork.cli import advice, wiring
from bodywork.cli.exits import tell
from bodywork.cli.explain import render_run, render_runs
from bodywork.cli.heads import find_head
from bodywork.cli.render import render_json
from bodywork.cli.wiring import Place
from bodywork.errors import UsageError
from bodywork.workflow.status import SCHEMA, RunStatus, document


def screen_width() -> int | None:
    """Return the terminal's width; None where stdout is none: tables stay whole in files."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


@dataclass
class View:
    """What `bodywork status` was asked to show.

    Attributes:
        ended: whether the run that was shown last had ended; nothing more will change.
    """

    place: Place
    run: str
    form: str
    ended: bool = False

    def render(self) -> str:
        """Look now, and return the text. Raises as `load_run`."""
        if self.form == "mermaid":
            return self._diagram()
        return self._one() if self.run else self._all()

    def _one(self) -> str:
        found = wiring.status_of(self.place, self.run)
        self.ended = found.ended
        if self.form == "table":
            newer = self._newer(found) if found.ended else ""
            return render_run(found, datetime.now(UTC), self._advise, screen_width(), newer)
        return self._data(document(found))

    def _newer(self, status: RunStatus) -> str:
        head = find_head(status.repository, status.reference, status.commit)
        return f", {head.describe_newer()}" if head and head.newer else ""

    def _all(self) -> str:
        found = list(wiring.list_statuses(self.place, self._unreadable))
        if self.form != "table":
            return self._data(self._list_document(found))
        if not found:
            begin = self._advise("workflow", "GIT_REPO_URL", "GIT_REPO_BRANCH")
            return f"no runs in namespace {self.place.namespace} yet\nbegin one: {begin}"
        return render_runs(found, datetime.now(UTC), screen_width())

    def _list_document(self, found: list[RunStatus]) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "namespace": self.place.namespace,
            "runs": [document(each) for each in found],
        }

    def _data(self, value: Any) -> str:
        if self.form == "json":
            return render_json(value)
        from bodywork.cli.yaml import render_yaml

        return render_yaml(value)

    def _diagram(self) -> str:
        if not self.run:
            raise UsageError("-o mermaid needs a RUN", hint="`bodywork status` lists them")
        from bodywork.workflow.execute import definition_of
        from statemachine.machine import render_mermaid

        checkpoint = wiring.load_run(self.place, self.run)
        return render_mermaid(definition_of(checkpoint.data), checkpoint).rstrip("\n")

    def _advise(self, *words: str) -> str:
        return advice.command(self.place, *words, environ=os.environ)

    def _unreadable(self, message: str) -> None:
        tell(message, "`bodywork status RUN` says what to do about it", label="warning")
