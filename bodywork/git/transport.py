"""How each kind of repository is reached: the options, settings and environment that git gets."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bodywork.git.repository import Repository
from bodywork.git.ssh import KEY_FILE, KNOWN_HOSTS_FILE, build_ssh_command
from bodywork.model.pods import GIT_PASSWORD_VARIABLE, GIT_USER_VARIABLE

# A shell snippet that git runs; the values come from its environment, which (unlike arguments)
# other users of the machine cannot read. No text of ours or of the user's is put into it.
_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n"'
    f' "${GIT_USER_VARIABLE}" "${GIT_PASSWORD_VARIABLE}"; }}; f'
)
# The user named this folder, and Bodywork will run the code in it: that another user owns it is
# no reason to refuse. Settings do not pass from clone to upload-pack; this does.
# It costs a process, so only those repositories pay for it. No protocol is allowed there: else git
# before 2.39.4 would fetch, and run, what the repository's own config says (CVE-2024-32004).
_UPLOAD_PACK = (
    "--upload-pack=GIT_ALLOW_PROTOCOL= GIT_NO_LAZY_FETCH=1 git -c safe.directory='*' upload-pack"
)


@dataclass(frozen=True, slots=True)
class Transport:
    """What git is given besides the URL.

    Attributes:
        options: for `clone` and `fetch`.
        files: what ssh reads; to be removed as soon as everything is fetched.
    """

    options: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def build_transport(
    repository: Repository, environment: Mapping[str, str], folder: Path
) -> Transport:
    """Return the way to this repository; what ssh needs is written into the private folder."""
    if repository.kind == "file":
        return Transport(options=(_UPLOAD_PACK,) if _is_foreign(repository.folder) else ())
    if repository.kind == "ssh":
        command = build_ssh_command(environment, folder)
        return Transport(
            environment={"GIT_SSH_COMMAND": command, "GIT_SSH_VARIANT": "ssh"},
            files=(folder / KEY_FILE, folder / KNOWN_HOSTS_FILE),
        )
    if not repository.user:
        return Transport()
    return Transport(
        # The empty one clears the user's helpers: they would be asked first, and told after.
        settings=("credential.helper=", f"credential.{repository.host}.helper={_HELPER}"),
        environment={
            GIT_USER_VARIABLE: repository.user,
            GIT_PASSWORD_VARIABLE: repository.password,
        },
    )


def _is_foreign(folder: str) -> bool:
    """Say whether another user owns the folder or its .git (which may be a file or a link)."""
    user = os.geteuid()
    try:
        return os.stat(folder).st_uid != user or os.stat(f"{folder}/.git").st_uid != user
    except OSError:
        return False  # a bare repository, or none: git will tell
