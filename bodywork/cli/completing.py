"""Names that a shell may complete: looked up where the words typed so far point, or not at all.

A shell waits for the answer at each press of a key, and shows whatever is printed. So a look-up has
little time, and one that fails in any way has found nothing.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from bodywork.cli.contexts import chosen_cluster
from bodywork.cli.wiring import LATEST, Place, default_engine, load_run, open_place, resolve_run
from bodywork.workflow.record import parse_progress

LIMIT_SECONDS = 2.0


def find_names(kind: str, typed: dict[str, Any]) -> list[str]:
    """Return the names of that kind, as far as they can be known in time.

    Args:
        kind: `run`, `stage`, `service`, `secret`, `cronjob` or `namespace`.
        typed: values of the command's parameters before this one.
    """
    found: list[str] = []

    def look() -> None:
        try:
            found.extend(_look(kind, typed))
        except Exception:
            found.clear()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(LIMIT_SECONDS)
    return [] if thread.is_alive() else [name for name in found if name.isprintable()]


def _look(kind: str, typed: dict[str, Any]) -> list[str]:
    engine = str(typed.get("engine") or default_engine()).lower()
    context, kubeconfig = typed.get("context") or "", typed.get("kubeconfig") or ""
    with chosen_cluster(engine, str(context), str(kubeconfig)):
        place = open_place(engine, str(typed.get("namespace") or ""))
        return [str(name) for name in _FINDERS[kind](place, typed)]


def _runs(place: Place, typed: dict[str, Any]) -> Iterable[str]:
    names = sorted(place.store.list(), reverse=True)  # of a repository, the newest comes first
    return [LATEST, *names] if names else []


def _stages(place: Place, typed: dict[str, Any]) -> Iterable[str]:
    run = resolve_run(place, str(typed.get("run") or LATEST))
    return parse_progress(load_run(place, run).data).stages


def _services(place: Place, typed: dict[str, Any]) -> Iterable[str]:
    return [service.name for service in place.administration.services(place.namespace)]


def _secrets(place: Place, typed: dict[str, Any]) -> Iterable[str]:
    return place.administration.secrets(place.namespace)


def _cronjobs(place: Place, typed: dict[str, Any]) -> Iterable[str]:
    return place.schedules.names() if place.schedules else []


def _namespaces(place: Place, typed: dict[str, Any]) -> Iterable[str]:
    return place.administration.namespaces()


_FINDERS: dict[str, Callable[[Place, dict[str, Any]], Iterable[str]]] = {
    "run": _runs,
    "stage": _stages,
    "service": _services,
    "secret": _secrets,
    "cronjob": _cronjobs,
    "namespace": _namespaces,
}
