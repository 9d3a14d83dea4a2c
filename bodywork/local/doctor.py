"""Whether this machine is fit for the embedded engine: one check after the other.

Nothing of it is made here: a folder that is not there yet is judged by the one that it would be
made in.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from bodywork.errors import BodyworkError
from bodywork.execution.installers import find_uv
from bodywork.local.administration import LocalAdministration
from bodywork.model.checks import Check, Needs, check_secret
from bodywork.model.names import Namespace

DEFAULT_NAMESPACE = "default"  # made by the first command that needs it
LITTLE_BYTES = 2_000_000_000
"""An environment with common libraries for learning takes about as much."""
TOO_LITTLE_BYTES = 200_000_000


def examine_machine(
    state: Path, cache: Path, namespace: Namespace, needs: Needs
) -> Iterator[Check]:
    """Yield the checks; nothing is raised.

    Args:
        state, cache: the folders of runs, and of what can be made again.
        namespace: to be looked into.
        needs: the secrets; images mean nothing here.
    """
    yield Check("python", "ok", f"{sys.version.split()[0]}, {sys.executable}")
    yield _git()
    yield _installer()
    for name, folder in (("state folder", state), ("cache folder", cache)):
        yield _writable(name, folder)
    yield _disk(cache)
    yield from _namespace(state, namespace, needs)
    if needs.image:
        yield Check("image", "skipped", "stages run as processes here, without an image")


def _git() -> Check:
    found = shutil.which("git")
    hint = "install it (https://git-scm.com/downloads), and check `git --version`"
    if found is None:
        return Check("git", "fail", "git is not installed, or not on the PATH", hint)
    try:
        told = subprocess.run(
            [found, "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Check("git", "fail", f"{found} does not work: {type(error).__name__}", hint)
    return Check("git", "ok", f"{told.stdout.strip().removeprefix('git version ')}, {found}")


def _installer() -> Check:
    """Check what makes environments: uv where it is there, else Python's own venv and pip."""
    if uv := find_uv(sys.executable, os.environ):
        return Check("packages", "ok", f"uv, {uv}")
    if find_spec("venv") is None or find_spec("ensurepip") is None:
        hint = "install uv (`pip install uv`), or the package python3-venv of your system"
        return Check("packages", "fail", "there is neither uv nor Python's venv with pip", hint)
    return Check("packages", "ok", "pip (uv, where it is installed, is quicker)")


def _writable(name: str, folder: Path) -> Check:
    """Really write: rights alone do not tell of read-only file systems or exhausted quotas."""
    place = _nearest(folder)
    if place != folder and os.path.lexists(folder):
        hint = "move it away, or set BODYWORK_HOME to another folder"
        return Check(name, "fail", f"{folder} is no folder that can be looked into", hint)
    probe = place / f".bodywork-doctor-{os.getpid()}"
    try:
        probe.write_bytes(b"x" * 4096)
    except OSError as error:
        hint = f"let {_user()} write to {place}, or set BODYWORK_HOME to another folder"
        return Check(name, "fail", f"{folder} cannot be written to: {error.strerror}", hint)
    finally:
        with suppress(OSError):
            probe.unlink()
    return Check(name, "ok", str(folder) if folder == place else f"{folder} (not made yet)")


def _disk(folder: Path) -> Check:
    try:
        free = shutil.disk_usage(_nearest(folder)).free
    except OSError as error:
        return Check("disk", "warning", f"the free space cannot be seen: {error.strerror}")
    message = f"{free / 1e9:.1f} GB free"
    if free >= LITTLE_BYTES:
        return Check("disk", "ok", message)
    hint = f"free some, or set BODYWORK_HOME to a larger disk; {folder} can be made again"
    return Check("disk", "fail" if free < TOO_LITTLE_BYTES else "warning", message, hint)


def _namespace(state: Path, namespace: Namespace, needs: Needs) -> Iterator[Check]:
    administration = LocalAdministration(state)
    where = f"--engine local -n {namespace}"
    try:
        there = namespace in administration.namespaces()
        secrets = administration.secrets(namespace) if there else {}
    except (BodyworkError, OSError) as error:
        yield Check("namespace", "fail", f"{namespace} cannot be read: {error}")
        return
    if there or namespace == DEFAULT_NAMESPACE:
        yield Check("namespace", "ok", str(namespace) if there else f"{namespace} (not made yet)")
    else:
        hint = f"make it: bodywork setup-namespace --engine local {namespace}"
        yield Check("namespace", "fail", f"there is no namespace {namespace}", hint)
    for secret in sorted(needs.secrets):
        yield check_secret(secret, needs.secrets[secret], secrets.get(secret), where)


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(each for each in (folder, *folder.parents) if os.path.isdir(each))


def _user() -> str:
    """Return who we are, as `ls -l` shows it."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"
