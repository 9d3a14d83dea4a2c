"""One supervisor: prepares, starts, watches, ends and records one attempt."""

import os
import selectors
import signal
import time
from typing import Any

from bodywork.execution import clock, process_tree
from bodywork.execution.outcome import describe_exit_code, exit_code_of
from bodywork.execution.variables import activate
from bodywork.local.supervisor import child, files, kept, spare
from bodywork.local.supervisor.copying import copy_tree, remove_tree
from bodywork.local.supervisor.last_status import write_last
from bodywork.local.supervisor.log import Log
from statemachine.os_errors import NO_ROOM, ROOM_HINT, describe

GRACE_SECONDS = 5.0
STEADY_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 10.0
"""Waits end by a clock that stops while the machine sleeps, so the limits are looked at anew."""
_CHUNK = 1 << 16
NOT_STARTED = 127
"""The exit code of a command that cannot be started, as shells have it."""
_MOST_BUILDS = 3
"""How often an environment is made anew that is changed before it can be used."""


class Supervisor:
    """Everything about one attempt; `run` is called once, in a process of its own."""

    def __init__(self, folder: str, spec: dict[str, Any], control: int) -> None:
        self.folder = folder
        self.spec = spec
        self.control = control
        self.log = Log(self._path(files.LOG), clock=clock.now)
        self.status: dict[str, Any] = {"phase": "pending", "uid": spec["uid"], "restarts": 0}
        self.selector = selectors.DefaultSelector()
        self.keep = bool(spec.get("keep"))
        self.stopping = ""
        self.in_use: int | None = None
        self._children, self._signal = os.pipe()
        os.set_blocking(self._children, False)
        os.set_blocking(self._signal, False)

    def run(self) -> None:
        """Carry the attempt to its end."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._obey(files.STOP))
        signal.set_wakeup_fd(self._signal, warn_on_full_buffer=False)
        process_tree.adopt_orphans()
        self.selector.register(self.control, selectors.EVENT_READ, "control")
        self.selector.register(self._children, selectors.EVENT_READ, "child")
        try:
            if self._prepare():
                self._serve()
        except OSError as error:
            self._refuse_for(error, "its supervisor cannot go on")

    def _prepare(self) -> bool:
        """Lay out the work tree and the environment; record the end where that fails."""
        self._record()
        try:
            if not self.spec.get("prepared"):
                self._lay_out_work()
            self.environment = self._environment()
        except OSError as error:
            self._remove_work()
            return self._refuse_for(error, "its files cannot be copied")
        except LookupError as error:
            reason, hint = error.args
            return self._refuse(reason, final=True, hint=hint)
        for note in self.spec["notes"]:
            self.log.say(note)
        return self._hold_environment()

    def _hold_environment(self) -> bool:
        """Lock the environment against removal, after it was built where it is not there as it was
        made; record the end where that is impossible."""
        build = self.spec["build"]
        for _ in range(_MOST_BUILDS):
            self.in_use = kept.hold(build["environment"], build["uid"], build["not_before"])
            if self.in_use is not None:
                return True
            try:
                code = self._watch(build["command"], build["limit_seconds"], self.environment)
            except child.CannotStart as fault:
                return self._refuse_start(fault)
            if code or self.stopping:
                if code == build["hopeless_code"] and not self.stopping:
                    return self._refuse(build["hopeless_reason"], final=True, code=code)
                why = self.stopping or f"its requirements cannot be installed (exit code {code})"
                return self._refuse(why, final=False, code=code)
        return self._refuse("its environment is changed all the time", final=False)

    def _lay_out_work(self) -> None:
        source, work = self.spec["source"], self._path(files.WORK)
        if not spare.take(source, work, self.spec.get("laid_out_at", 0)):
            copy_tree(source, work)

    def _serve(self) -> None:
        """Run the script; again and again for an accepted service."""
        files.sync_claim(self.folder)
        pause = 0.5
        while True:
            began = clock.now()
            self.status |= {
                "phase": "running",
                "started_at": time.time(),
                "started_on_clock": began,
            }
            try:
                limit = self.spec["limit_seconds"]
                code = self._watch(self.spec["command"], limit, self.environment)
            except child.CannotStart as fault:
                if self.stopping or not self.keep:
                    self._refuse_start(fault)
                    return
                self.log.say(fault.reason)
                code = NOT_STARTED
            if self.stopping or not self.keep:
                break
            pause = (
                0.5
                if clock.now() - began > STEADY_SECONDS
                else min(2 * pause, LONGEST_PAUSE_SECONDS)
            )
            self.status["restarts"] += 1
            self.log.say(f"ended with {describe_exit_code(code)}; starting it again in {pause:g} s")
            self._record()
            if not self._pause(pause):
                break
        self._end(code, self.stopping or ("" if code == 0 else describe_exit_code(code)))

    def _watch(
        self, command: list[str], limit_seconds: float | None, environment: dict[str, str]
    ) -> int:
        """Run a command to its end, within its limit; return its exit code.

        When it returns, nothing runs that the command has started.

        Raises:
            CannotStart: it cannot be started.
        """
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        folder = os.path.join(self._path(files.WORK), self.spec["folder"])
        marked = {**environment, files.MARK: self.spec["uid"]}
        try:
            pid = child.start(command, folder, marked, writing)
        except child.CannotStart:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self.status |= {"pid": pid, "pid_started_at": files.started_at(pid)}
        self.selector.register(reading, selectors.EVENT_READ, "output")
        try:
            self._record()
            code = self._await(pid, reading, limit_seconds)
        finally:
            self._forget(reading)
            child.kill_group(pid, signal.SIGKILL)
            left = process_tree.end_descendants()
            self._drain(reading)
            os.close(reading)
            self.log.flush()
        for other in sorted(left):
            self.log.say(
                f"process {other} could not be ended: see `ps -p {other} -o stat,user,args`"
            )
        return code

    def _await(self, pid: int, reading: int, limit_seconds: float | None) -> int:
        deadline = clock.now() + limit_seconds if limit_seconds else None
        killing: float | None = None
        told = False
        while True:
            now = clock.now()
            if deadline is not None and now >= deadline and not self.stopping:
                self.stopping = str(self.spec["limit_reason"])
            if self.stopping and not told:
                child.kill_group(pid, signal.SIGTERM)
                told, killing = True, now + GRACE_SECONDS
            if killing is not None and now >= killing:
                child.kill_group(pid, signal.SIGKILL)
                killing = None
            self.log.show_state()
            due = (None if told else deadline, killing, self.log.state_due())
            ends = [end for end in due if end is not None]
            left = min(LONGEST_WAIT_SECONDS, max(0.0, min(ends) - now)) if ends else None
            for key, _ in self.selector.select(left):
                self._handle(key.data, key.fd, reading)
            status = process_tree.reap(pid)
            if status is not None:
                return exit_code_of(os.waitstatus_to_exitcode(status))

    def _handle(self, kind: str, descriptor: int, reading: int) -> None:
        if kind == "output":
            if not self._drain(reading):
                self._forget(reading)
        elif kind == "control":
            self._obey(os.read(descriptor, _CHUNK))
        elif kind == "child":
            os.read(descriptor, _CHUNK)

    def _obey(self, commands: bytes) -> None:
        if files.KEEP in commands:
            self.keep = True
        if files.STOP in commands:
            self.stopping = "stopped"

    def _forget(self, reading: int) -> None:
        """Watch an output no more; it may have been closed before its process ended."""
        if reading in self.selector.get_map():
            self.selector.unregister(reading)

    def _drain(self, reading: int) -> bool:
        """Take what is there; return False at the end of the output."""
        while True:
            try:
                chunk = os.read(reading, _CHUNK)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self.log.feed(chunk)

    def _pause(self, seconds: float) -> bool:
        """Wait before a restart; return False where a command to stop came."""
        deadline = clock.now() + seconds
        while not self.stopping and (left := deadline - clock.now()) > 0:
            for key, _ in self.selector.select(left):
                self._handle(key.data, key.fd, -1)
        return not self.stopping

    def _environment(self) -> dict[str, str]:
        """The variables of the stage."""
        variables = {**self._inherited(), **self.spec["environment"], **self._secrets()}
        folder = self.spec.get("build", {}).get("environment")
        return activate(variables, folder) if folder else variables

    def _inherited(self) -> dict[str, str]:
        """The user's own variables, less what is not for stages and for what builds packages."""
        return {key: value for key, value in os.environ.items() if key not in self.spec["without"]}

    def _secrets(self) -> dict[str, str]:
        """Read the secrets' values. Raises `LookupError` with a reason and a hint."""
        found = {}
        for variable, secret in self.spec["secrets"].items():
            values = files.read_json(os.path.join(self.spec["secrets_folder"], f"{secret}.json"))
            if values is None or variable not in values:
                missing = "does not exist" if values is None else f"has no key {variable}"
                verb = "create" if values is None else "update"
                raise LookupError(
                    f"the secret {secret} {missing}",
                    f"bodywork secret {verb} --namespace={self.spec['namespace']} "
                    f"--name={secret} --data {variable}=…",
                )
            found[variable] = values[variable]
        return found

    def _refuse_start(self, fault: child.CannotStart) -> bool:
        return self._refuse(fault.reason, final=fault.final, code=NOT_STARTED, hint=fault.hint)

    def _refuse_for(self, error: OSError, what: str) -> bool:
        hint = ROOM_HINT if error.errno in NO_ROOM else ""
        return self._refuse(f"{what}: {describe(error)}", final=False, hint=hint)

    def _refuse(self, reason: str, *, final: bool, code: int | None = None, hint: str = "") -> bool:
        self.status |= {"final": final, "hint": hint}
        self._end(code, reason)
        return False

    def _end(self, code: int | None, reason: str) -> None:
        self.status |= {
            "phase": "ended", "exit_code": code, "reason": reason, "ended_at": time.time()
        }  # fmt: skip
        write_last(self.folder, self.status, self._make_room)
        self.log.end()

    def _make_room(self) -> None:
        if not self.spec["startup_seconds"]:
            self._remove_work()

    def _remove_work(self) -> None:
        if not self.spec.get("prepared"):
            remove_tree(self._path(files.WORK))

    def _record(self) -> None:
        files.write_json(self._path(files.STATUS), self.status)

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)
