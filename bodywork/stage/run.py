"""`run_stage`: one stage of a project, from its repository to its exit code, in this container.

It is given the source and the reader of stages; it knows neither git nor the files' format, nor the
cluster that started it. It is usually process 1 of its container, which has two consequences: no
signal does anything unless it is handled here, and nobody else passes one on to the script.
"""

import os
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from bodywork.errors import BodyworkError, UsageError
from bodywork.execution.outcome import exit_code_of
from bodywork.execution.python_environment import ToolResult
from bodywork.model.redaction import hidden_in_errors, hide
from bodywork.model.stage import Stage
from bodywork.model.tree import is_within
from bodywork.ports import Source
from bodywork.stage.install import find_python, install, read_wanted
from bodywork.stage.last_words import TERMINATION_LOG, Recorder, write_message
from bodywork.stage.secrecy import hide_from_children, withheld_secrets, without_secrets
from bodywork.stage.signals import Forwarder, Stopped, forwarded
from bodywork.stage.tool_output import ToolOutput

LoadStage = Callable[[Path, str, str], Stage]
"""Reads a stage: a repository's files, the stage's name, and the project's path."""
GetVariables = Callable[[Path, Stage], Mapping[str, str]]
"""Returns what a stage of a checkout gets beside the environment."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StageOrder:
    """What a container is started for.

    Attributes:
        repository: as git will get it; may hold a password.
        shown: the same for people, nothing secret in it.
        reference: the branch or tag, for people and for servers that do not give commits by id.
        commit: full id; "" for the reference's newest.
        stage: the name of the stage's folder.
        path: the project's folder in the repository, "" for its root.
    """

    repository: str
    shown: str
    reference: str
    commit: str
    stage: str
    path: str = ""


def run_stage(
    source: Source,
    order: StageOrder,
    *,
    load_stage: LoadStage,
    say: Say,
    get_variables: GetVariables = lambda folder, stage: {},
    environment: Mapping[str, str] = os.environ,
    now: Callable[[], datetime] = datetime.now,
    message: Path = TERMINATION_LOG,
) -> int:
    """Run the stage and return the exit code: the script's own, or 128 + n for signal n.

    `load_stage` reads and checks the stage of that name in a checkout; `get_variables` is asked
    for more variables before anything is installed. SIGTERM, SIGINT and SIGHUP
    go to the script; before it runs, they end what is going on. All files are removed at the end.
    Must be called from the main thread. Why a stage with secrets failed is written to `message`, if
    there is such a file, without the secrets.

    Raises:
        SourceError: the commit cannot be fetched.
        ConfigError: the stage's files are wrong.
        UsageError: the script is not there, or a variable of its secrets is not set.
        InstallationFailed: the requirements cannot be installed.
    """
    hide_from_children()
    secrets = withheld_secrets(environment)

    def tell(line: str) -> None:
        say(hide(line, secrets))

    where = f"{order.reference} branch of repo at {order.shown}"
    tell(_log_line(now(), f"attempting to run stage={order.stage} from {where}"))
    try:
        with (
            hidden_in_errors(secrets),
            forwarded() as signals,
            source.checkout(
                order.repository, order.reference, order.commit, path=order.path, say=tell
            ) as checkout,
            tempfile.TemporaryDirectory(prefix="bodywork-stage-") as scratch,
        ):
            if checkout.note:
                tell(f"note: {checkout.note}")
            stage = load_stage(checkout.folder, order.stage, order.path)
            for path in [each for each in checkout.pointers if is_within(each, {stage.folder})][:1]:
                tell(f"note: {path} is a pointer of Git LFS, and not the file itself")
            folder = checkout.project / order.stage
            script = _find_script(folder, stage)
            own = {**without_secrets(environment), **get_variables(checkout.project, stage)}
            secrets += [own.get(each.variable, "") for each in stage.secrets]
            _check_secrets(stage, own)
            python = find_python(own)
            wanted = read_wanted(folder, own)
            if wanted.lines:
                run_tool = partial(_run_tool, signals, secrets)
                own = install(wanted, Path(scratch, "venv"), python, own, run_tool)
                python = os.path.join(own["VIRTUAL_ENV"], "bin", "python")
            command = [python, str(script), *stage.args]
            if not stage.secrets or not message.is_file():
                code = signals.run_script(command, folder, own)
            else:
                recorder = Recorder()
                if code := signals.run_script(command, folder, own, recorder.listen):
                    write_message(hide(recorder.end(), secrets), message)
            return exit_code_of(code)
    except BodyworkError as error:
        write_message(f"error: {error.message}", message)
        raise
    except Stopped as stopped:
        return exit_code_of(-stopped.number)


def _run_tool(
    signals: Forwarder,
    secrets: Collection[str],
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
) -> ToolResult:
    """Run an installer, which prints no secret."""
    with ToolOutput(secrets) as output:
        code = signals.run_tool(command, folder, environment, output.listen)
    return ToolResult(code, output.end())


def _find_script(folder: Path, stage: Stage) -> Path:
    script = folder / stage.script
    inside = script.resolve().is_relative_to(folder.resolve())
    if not inside or not script.is_file():
        raise UsageError(
            f"stage {stage.name}: there is no script {stage.script} in its folder",
            hint="EXECUTABLE_SCRIPT in config.ini names a file of the stage's own folder",
        )
    return Path(stage.script)


def _check_secrets(stage: Stage, environment: Mapping[str, str]) -> None:
    """Raise `UsageError` where a variable is not set that a secret should fill.

    In a container the kubelet has seen to it. On a person's machine nothing has.
    """
    missing = [secret for secret in stage.secrets if secret.variable not in environment]
    if not missing:
        return
    names = " and ".join(f"{secret.variable} (secret {secret.secret})" for secret in missing)
    assignments = " ".join(f"{secret.variable}=…" for secret in missing)
    raise UsageError(
        f"stage {stage.name} needs {names}, which {'are' if len(missing) > 1 else 'is'} not set",
        hint="bodywork stage -n NAMESPACE … takes the values from the secrets of a namespace; "
        f"or set them yourself: {assignments} bodywork stage …",
    )


def _log_line(now: datetime, text: str) -> str:
    milliseconds = now.microsecond // 1000
    return f"{now:%Y-%m-%d %H:%M:%S},{milliseconds:03d} - INFO - stage.run_stage - {text}"
