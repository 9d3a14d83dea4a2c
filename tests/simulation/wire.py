"""What stands in the place of a `Transport`: requests reach the simulated server, or go wrong."""

import json
from bisect import bisect_right
from collections.abc import Iterator

from urllib3.exceptions import NewConnectionError, ProtocolError, ReadTimeoutError

from bodywork.cluster.errors import Unavailable, translate_reply, translate_transport
from bodywork.cluster.transport import Question
from tests.servers.kubernetes_answers import Request, failure, selected, split_path
from tests.servers.kubernetes_objects import Object, bears, copied
from tests.simulation.canaries import TELLING
from tests.simulation.faults import Fault, Faults
from tests.simulation.scheduler import Actor, Killed, Process, SimulatedTime
from tests.simulation.server import Server

ADDRESS = "https://cluster.example"
READ_SECONDS = 30.0
SILENCE_SECONDS = 90.0
LONGEST_PAUSE_SECONDS = 300.0
LATEST_SECONDS = 60.0
CODES = (500, 502, 503, 504)


class _Access:
    """As much of `Access` as is asked of a transport."""

    server, namespace, origin = ADDRESS, "", "a simulation"


class Wire:
    """The connection of one process; implements `bodywork.cluster.transport.Transport`."""

    access = _Access()

    def __init__(self, time: SimulatedTime, server: Server, faults: Faults, process: Process):
        self._time = time
        self._server = server
        self._faults = faults
        self._process = process
        self._asked: dict[Actor, int] = {}

    def close(self) -> None:
        """Nothing is open."""

    def apart(self) -> "Wire":
        """Return itself: requests share nothing that could be cut."""
        return self

    def cut(self) -> None:
        """Leave what is under way as it is: a thread ends with its next event or time-out."""

    def exchange(self, question: Question) -> Object:
        """Ask, and return the answer, if it arrives."""
        asked = _request(question)
        is_list = asked.method == "GET" and not split_path(asked.path)[1]
        self._time.pass_on()
        fault = self._faults.draw(asked.method, is_list=is_list, is_watch=False)
        told = f" <- {fault.name}" if fault else ""
        self._server.say(f"{asked.method} {asked.path.split('/shop')[-1]}{_new(asked)}{told}")
        since = self._asked.get(self._time.current, 0)
        try:
            if fault is not None:
                self._before(fault, asked, since)
        finally:
            self._asked[self._time.current] = len(self._server.audit)
        status, found = self._server.answer(asked, since)
        if fault is not None:
            self._afterwards(fault)
        self._time.pass_on()
        if status >= 300:
            self._server.say(f"    {status} {found['message'][:90]}")
            raw = json.dumps(found).encode()
            raise translate_reply(f"{asked.method} {asked.path}", status, raw, ADDRESS)
        return found  # a copy already

    def lines(self, question: Question) -> Iterator[bytes]:
        """Watch."""
        asked = _request(question)
        self._time.pass_on()
        if "watch" not in asked.query:
            return
        fault = self._faults.draw("GET", is_list=False, is_watch=True)
        if fault is Fault.WATCH_SILENT:
            self._time.sleep(SILENCE_SECONDS)
            return
        if fault is not None:
            self._refuse(fault, asked)
        if fault is Fault.WATCH_GARBLED:
            yield b"<html>"
        for event in self._events(asked):
            if fault is Fault.WATCH_LATE:
                self._time.sleep(self._time.random.uniform(1, SILENCE_SECONDS))
            yield json.dumps(event).encode()
            if fault is Fault.WATCH_CUT:
                return

    def _events(self, asked: Request) -> Iterator[Object]:
        server, chosen = self._server, selected(asked)
        since = int(asked.query["resourceVersion"])
        until = self._time.now + int(asked.query["timeoutSeconds"])
        if since < server.oldest:
            yield {"type": "ERROR", "object": failure(410, "Expired", "too old resource version")}
            return
        while (left := until - self._time.now) > 0:
            place = bisect_right(server.history, since, key=lambda entry: entry[0])
            for version, collection, event in server.history[place:]:
                since = version
                if collection == asked.path and bears(event["object"], chosen):
                    yield event
                    self._time.pass_on()
                    break
            else:
                server.wait_for_change(asked.path, chosen, left)

    def _before(self, fault: Fault, asked: Request, since: int) -> None:
        """Do what a fault does instead of the request, or before it."""
        match fault:
            case Fault.KILLED_BEFORE:
                self._die()
            case Fault.PAUSED_BEFORE:
                self._stop_for_long()
            case Fault.LOST_BEFORE:
                raise _lost()
            case Fault.HANG_BEFORE:
                raise self._timed_out()
            case Fault.LATE:
                self._deliver_later(asked, since)
                raise self._timed_out()
            case Fault.ERROR_BEFORE:
                raise self._error(self._time.random.choice(CODES))
            case Fault.FOREIGN if self._time.random.random() < 0.5:
                raise translate_reply(asked.method, 404, b"<html>proxy</html>", ADDRESS)
            case _:
                self._refuse(fault, asked)

    def _refuse(self, fault: Fault, asked: Request) -> None:
        """Raise what a client hears that is refused, where the fault is a refusal."""
        what = f"{asked.method} {asked.path}"
        match fault:
            case Fault.UNREACHABLE:
                raise translate_transport(NewConnectionError(None, "refused"), ADDRESS)  # type: ignore[arg-type]
            case Fault.FORBIDDEN:
                message = f'it is forbidden: User "bodywork" cannot {asked.method.lower()} resource'
                raise _reply(what, 403, "Forbidden", message)
            case Fault.UNAUTHORIZED:
                raise _reply(what, 401, "Unauthorized", "Unauthorized")
            case Fault.CONFLICT:
                message = "Operation cannot be fulfilled: the object has been modified"
                raise _reply(what, 409, "Conflict", message)
            case Fault.EXPIRED:
                raise _reply(what, 410, "Expired", "The provided continue parameter is too old")
            case Fault.BUSY:
                raise _reply(
                    what, 429, "TooManyRequests", "busy", str(self._time.random.randrange(9))
                )

    def _afterwards(self, fault: Fault) -> None:
        """Do what a fault does once the request has been carried out."""
        match fault:
            case Fault.KILLED_AFTER:
                self._die()
            case Fault.PAUSED_AFTER:
                self._stop_for_long()
            case Fault.LOST_AFTER:
                raise _lost()
            case Fault.HANG_AFTER:
                raise self._timed_out()
            case Fault.ERROR_AFTER:
                raise self._error(self._time.random.choice([500, 502, 504]))
            case Fault.TRUNCATED | Fault.FOREIGN:
                raise Unavailable(f"the cluster at {ADDRESS} sent what is no object")
            case Fault.SLOW:
                self._time.sleep(self._time.random.uniform(0.1, READ_SECONDS))

    def _die(self) -> None:
        self._time.kill(self._process)
        raise Killed

    def _stop_for_long(self) -> None:
        seconds = self._time.random.uniform(1, LONGEST_PAUSE_SECONDS)
        self._process.paused_until = self._time.now + seconds
        self._time.pass_on()

    def _timed_out(self) -> Exception:
        self._time.sleep(READ_SECONDS)
        return translate_transport(ReadTimeoutError(None, "", "Read timed out."), ADDRESS)  # type: ignore[arg-type]

    def _error(self, status: int) -> Exception:
        return _reply("", status, "InternalError", "it was not to be")

    def _deliver_later(self, asked: Request, since: int) -> None:
        """Let the request arrive after its sender has stopped to wait for the answer."""
        later = READ_SECONDS + self._time.random.uniform(0, LATEST_SECONDS)

        def deliver() -> None:
            self._time.sleep(later)
            self._server.say(f"late: {asked.method} {asked.path}")
            self._server.answer(asked, since)

        self._time.actor(Process(f"late/{self._process.name}"), "request", deliver).start()


def _request(question: Question) -> Request:
    body = copied(question.body) if question.body else {}
    return Request(question.method, question.path, dict(question.query), {}, body)


def _new(asked: Request) -> str:
    """Return the name of what is created, for people."""
    return f" {asked.body['metadata']['name']}" if asked.method == "POST" else ""


def _lost() -> Exception:
    return translate_transport(
        ProtocolError("Connection aborted.", ConnectionResetError()), ADDRESS
    )


def _reply(what: str, status: int, reason: str, message: str, after: str = "") -> Exception:
    body = json.dumps(failure(status, reason, f"{message}: {TELLING}")).encode()
    return translate_reply(what, status, body, ADDRESS, retry_after=after)
