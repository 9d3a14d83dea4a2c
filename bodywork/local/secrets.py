"""Secrets as files of mode 0600 in a folder of mode 0700, a file each."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from bodywork.local.supervisor.files import make_folder, read_json, write_json


def read_secret(folder: Path, name: str) -> Mapping[str, str] | None:
    """Return a secret's keys and values; None where there is none of that name."""
    found = read_json(str(folder / f"{name}.json"))
    return None if found is None else dict(found)


def write_secret(folder: Path, name: str, data: Mapping[str, str]) -> None:
    """Replace a secret by this one."""
    make_folder(str(folder))
    write_json(str(folder / f"{name}.json"), dict(data), durable=True)


def names_of(folder: Path) -> list[str]:
    """Return the secrets' names, sorted."""
    try:
        return sorted(name.removesuffix(".json") for name in os.listdir(folder) if name[0] != ".")
    except FileNotFoundError:
        return []


def values_of(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Return the values behind variable → secret; those that are not there are left out."""
    found = []
    for variable, name in wanted.items():
        data = read_secret(folder, name) or {}
        if variable in data:
            found.append(data[variable])
    return found


def versions_of(folder: Path, names: Iterable[str]) -> dict[str, list[int]]:
    """Return which version of each secret is there: another one after every change."""
    found = {}
    for name in names:
        try:
            state = os.stat(folder / f"{name}.json")
        except FileNotFoundError:
            continue
        found[name] = [state.st_ino, state.st_mtime_ns, state.st_ctime_ns]
    return found
