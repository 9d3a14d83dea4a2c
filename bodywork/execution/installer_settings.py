"""The variables of an installer: where packages are from is the user's choice, where to is ours.

Indexes, proxies and certificates hold as the user, the image or a secret of the stage has set
them, in variables and in pip's configuration files, for uv as well, which reads neither. What would
lead an installation elsewhere, or bring foreign modules into it, is left out.

https://pip.pypa.io/en/stable/topics/configuration/
https://docs.astral.sh/uv/reference/environment/
"""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bodywork.model.pods import withhold

_ELSEWHERE = frozenset((
    "USER", "TARGET", "PREFIX", "ROOT", "PYTHON", "SRC", "REQUIREMENT", "EDITABLE", "UPGRADE",
    "FORCE_REINSTALL", "DRY_RUN", "IGNORE_INSTALLED", "REQUIRE_VIRTUALENV",
    "BREAK_SYSTEM_PACKAGES", "REPORT", "LOG", "LOG_FILE", "ISOLATED", "CONFIG_FILE", "QUIET",
    "GROUP", "REQUIREMENTS_FROM_SCRIPT",
))  # fmt: skip
"""Options of pip, as in PIP_USER, that decide where to and what is installed, not where from."""
_FOREIGN = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONSTARTUP", "PYTHONPLATLIBDIR",
    "PYTHONINSPECT", "PYTHONEXECUTABLE", "PYTHONBREAKPOINT", "PYTHONOPTIMIZE", "PYTHONWARNINGS",
    "PYTHONCASEOK", "PYTHONPYCACHEPREFIX", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV", "CONDA_PREFIX",
    "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_BREAK_SYSTEM_PACKAGES", "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT", "UV_WORKING_DIR", "UV_WORKING_DIRECTORY", "UV_LINK_MODE",
    "UV_VENV_SEED", "UV_VENV_CLEAR", "UV_VENV_RELOCATABLE",
)  # fmt: skip
_WITHOUT_EFFECT = frozenset((
    "TIMEOUT", "DEFAULT_TIMEOUT", "RETRIES", "CERT", "CLIENT_CERT", "PROXY", "CACHE_DIR",
    "NO_CACHE_DIR", "DISABLE_PIP_VERSION_CHECK", "NO_INPUT", "NO_COLOR", "PROGRESS_BAR",
    "NO_PYTHON_VERSION_WARNING", "ROOT_USER_ACTION", "KEYRING_PROVIDER", "VERBOSE", "DEBUG",
    "NO_PROGRESS", "HTTP_TIMEOUT", "HTTP_RETRIES", "CONCURRENT_DOWNLOADS", "CONCURRENT_BUILDS",
    "CONCURRENT_INSTALLS", "SYSTEM_CERTS", "NATIVE_TLS", "NO_CACHE", "COMPILE",
    "COMPILE_BYTECODE", "LOCK_TIMEOUT", "REQUEST_TIMEOUT", "TRUSTED_HOST", "INSECURE_HOST",
))  # fmt: skip
"""Settings of pip or uv that do not decide what is installed."""
NAMING_FILES = (
    "PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "PIP_FIND_LINKS", "UV_CONSTRAINT",
    "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_FIND_LINKS",
)  # fmt: skip
"""Variables that name files or folders: their content decides, not their place."""
_SAME = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_CONSTRAINT": "UV_CONSTRAINT",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_NO_INDEX": "UV_NO_INDEX",
}


def installer_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for an installer of a stage with this environment.

    pip's configuration files are read here and become variables: pip itself then reads none.
    """
    kept = {
        name: value
        for name, value in withhold(environment).items()
        if name not in _FOREIGN and name.removeprefix("PIP_") not in _elsewhere(name)
    }
    variables = {**dict(_from_files(environment)), **kept}
    told = {
        ours: ("," if ours == "UV_FIND_LINKS" else " ").join(variables[pips].split())
        for pips, ours in _SAME.items()
        if variables.get(pips) and not variables.get(ours)
    }
    ours = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PYTHONNOUSERSITE": "1",
        "UV_LINK_MODE": "copy",  # what a stage changes must not be another environment's file
        "GIT_TERMINAL_PROMPT": "0",
    }
    return {"UV_SYSTEM_CERTS": "true", **variables, **told, **ours}


def deciding_settings(variables: Mapping[str, str]) -> dict[str, str]:
    """Return which of an installer's variables decide what is installed, with their values; but for
    those that name files."""
    return {
        name: value
        for name, value in sorted(variables.items())
        for tool, option in [name.partition("_")[::2]]
        if tool in ("PIP", "UV")
        and option not in _WITHOUT_EFFECT
        and name not in ("PIP_CONFIG_FILE", "UV_LINK_MODE", *NAMING_FILES)
    }


def _elsewhere(name: str) -> frozenset[str]:
    return _ELSEWHERE if name.startswith("PIP_") else frozenset()


def _from_files(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what pip's configuration files say, as variables; later ones go before."""
    for file in filter(os.path.isfile, _configuration_files(environment)):
        for option, value in _options_of(file):
            if option not in _ELSEWHERE and value:
                yield f"PIP_{option}", value


def _options_of(file: Path) -> Iterator[tuple[str, str]]:
    from configparser import Error, RawConfigParser  # most users have no such file

    parser = RawConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (Error, OSError, UnicodeDecodeError):
        return  # pip would say so, and the user who calls pip sees it
    for section in filter(parser.has_section, ("global", "install")):
        for key, value in parser.items(section):
            yield key.upper().replace("-", "_"), " ".join(value.split())


def _configuration_files(environment: Mapping[str, str]) -> list[Path]:
    """Return where pip looks, the most general first.

    https://pip.pypa.io/en/stable/topics/configuration/#location
    """
    named = environment.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    home = Path(environment.get("HOME") or os.path.expanduser("~"))
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    shared = (environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    general = [*(Path(each, "pip/pip.conf") for each in shared), Path("/etc/pip.conf")]
    own = config / "pip/pip.conf"
    if sys.platform == "darwin":
        support = "Library/Application Support/pip"
        general = [Path("/", support, "pip.conf")]
        own = home / support / "pip.conf" if (home / support).is_dir() else own
    return [*general, home / ".pip/pip.conf", own, *([Path(named)] if named else [])]
