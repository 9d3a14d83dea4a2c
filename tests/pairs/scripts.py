"""What stages do: scripts that run in the processes that the engine forked for them.

The one thing that is not real about a stage is its interpreter: where a supervisor's child would
execute Python, it goes on with one of these functions, after it has closed what an executed program
would not have. A stage's file says what it is to do, so what runs is what was published.
"""

import json
import os
import socket
import time
from pathlib import Path
from typing import NoReturn

SLOW_SECONDS = 0.1
ANSWER_SECONDS = 120.0
WELL, SICK, DYING, SLOW = "well", "sick", "dying", "slow"
FATES = (WELL, SICK, DYING, SLOW)
_MOST_DESCRIPTORS = 256


def script(fate: str, commit: str, effects: Path, codes: tuple[int, ...] = (0,)) -> str:
    """Return the text of a stage's script."""
    told = {"fate": fate, "commit": commit, "effects": str(effects), "codes": codes}
    return json.dumps(told) + "\n"


def ask(address: str, port: int) -> str:
    """Return what a service answers, once it has done with it, or why there is no answer."""
    try:
        with socket.create_connection((address, port), ANSWER_SECONDS) as connection:
            connection.settimeout(ANSWER_SECONDS)
            return connection.makefile().read() or "(an empty answer)"
    except OSError as error:
        return f"({error})"


def execute(path: str, command: list[str], environment: dict[str, str]) -> NoReturn:
    """Do what the script says, in the place of `os.execve`."""
    os.closerange(3, _MOST_DESCRIPTORS)
    try:
        _run(command, environment)
    finally:
        os._exit(126)  # never back into the supervisor's code


def _run(command: list[str], environment: dict[str, str]) -> NoReturn:
    with open(command[1]) as file:
        told = json.load(file)
    run, stage = environment["BODYWORK_RUN_ID"], environment["BODYWORK_STAGE"]
    attempt = environment["BODYWORK_ATTEMPT"]
    line = f"{run} {stage} {attempt} {told['commit']}\n"
    effects = os.open(told["effects"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(effects, line.encode())
    os.close(effects)
    if "BODYWORK_LOCAL_BIND" not in environment:
        codes = told["codes"]
        os._exit(codes[min(int(attempt), len(codes)) - 1])
    _, address, port = environment["BODYWORK_LOCAL_BIND"].split()
    _serve(told["fate"], (address, int(port)), f"{run}-{attempt} {told['commit']}")


def _serve(fate: str, place: tuple[str, int], version: str) -> NoReturn:
    """Answer each connection with the version."""
    if fate == SICK:
        os._exit(1)
    if fate == SLOW:
        time.sleep(SLOW_SECONDS)
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(place)
    listening.listen(64)
    while True:
        connection, _ = listening.accept()
        if fate == DYING:
            os._exit(1)
        with connection:
            try:
                connection.sendall(version.encode())
            except OSError:
                continue
