"""The hint for a stage that failed because Python does not find a module.

It is read from the end of the stage's log, so it is the same on each engine. A module of the
repository itself is not a package to install: which modules the repository has is put on record
when it is cloned (`find_modules`).
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

MOST_MODULES = 100
MOST_ENTRIES = 1000
LONGEST_PATH = 100

_MISSING = re.compile(
    r"ModuleNotFoundError: No module named '([\w.]+)'(; '[\w.]+' is not a pack.*)?"
)
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning)(?::.*)?")
DISTRIBUTIONS = {
    "Crypto": "pycryptodome",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "attr": "attrs",
    "azure.storage.blob": "azure-storage-blob",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "distutils": "setuptools",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.storage": "google-cloud-storage",
    "google.protobuf": "protobuf",
    "grpc": "grpcio",
    "imblearn": "imbalanced-learn",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "kafka": "kafka-python",
    "magic": "python-magic",
    "MySQLdb": "mysqlclient",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "ruamel.yaml": "ruamel.yaml",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Modules whose distribution has another name; only where there is no doubt."""
_SHARED = frozenset({"azure", "backports", "google", "ruamel", "zope"})
"""Names under which many distributions install."""
_REMOVED = frozenset({
    "asynchat", "asyncore", "binhex", "cgi", "cgitb", "crypt", "formatter", "imghdr", "imp",
    "mailcap", "nntplib", "parser", "pipes", "smtpd", "sndhdr", "spwd", "symbol", "telnetlib", "uu",
    "xdrlib",
})  # fmt: skip
"""Modules of earlier versions of Python."""


def missing_module_hint(tail: Iterable[str], stage: str, modules: Mapping[str, str]) -> str:
    """Return what the user can do about the module that a stage did not find, or "".

    Args:
        tail: the last lines of the stage's log.
        stage: its name, which is that of its folder.
        modules: the modules of the repository → their paths.
    """
    found = _last_exception(tail)
    if found is None:
        return ""
    name, shadowed = found
    first = name.partition(".")[0]
    file = f"{stage}/requirements.txt"
    if shadowed:
        return f"a file {first}.py hides the package {first}: give that file another name"
    if first in modules:
        return (
            f"{first} is in the repository ({modules[first]}), but not on the path of stage "
            f"{stage}, which has its own folder only: copy it into {stage}/"
        )
    if first not in DISTRIBUTIONS and first in _REMOVED | sys.stdlib_module_names:
        return f"{first} is a module of Python itself that the stage's version of Python lacks"
    distribution = DISTRIBUTIONS.get(name) or DISTRIBUTIONS.get(first, first)
    if name not in DISTRIBUTIONS and first in _SHARED:
        distribution = "the package that brings it"
    elif name not in DISTRIBUTIONS and name != first:
        version = f"check the version of {distribution} in {file}"
        return f"{first} is installed, but has no {name}: {version}"
    what = "it" if distribution == name else distribution
    return (
        f"the stage's environment has no {name}: add {what} to {file} "
        "(a stage does not see the packages of your own environment)"
    )


def find_modules(root: Path, stages: Iterable[str]) -> Mapping[str, str]:
    """Return the modules of a checkout: in its root, and in the folders of its stages.

    Returns:
        Name → path relative to the root, at most 100 of them, the root's own first.
    """
    found: dict[str, str] = {}
    for folder in ("", *sorted(stages)):
        for name, path in sorted(_modules_in(root, folder)):
            if len(found) < MOST_MODULES and len(path) <= LONGEST_PATH:
                found.setdefault(name, path)
    return found


def _modules_in(root: Path, folder: str) -> Iterator[tuple[str, str]]:
    try:
        with os.scandir(root / folder) as entries:
            for _, entry in zip(range(MOST_ENTRIES), entries, strict=False):
                name = entry.name.removesuffix(".py")
                is_folder = entry.is_dir(follow_symlinks=False)
                if name.isidentifier() and (is_folder or name != entry.name):
                    path = f"{folder}/{entry.name}".lstrip("/")
                    yield name, f"{path}/" if is_folder else path
    except OSError:
        return  # it is for a hint only


def _last_exception(tail: Iterable[str]) -> tuple[str, bool] | None:
    """Return the module that the last exception of a log names, and whether a file hides it."""
    for line in reversed(list(tail)):
        if _EXCEPTION.fullmatch(line.rstrip()):
            missing = _MISSING.fullmatch(line.rstrip())
            return (missing[1], bool(missing[2])) if missing else None
    return None
