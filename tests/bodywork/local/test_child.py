"""Commands that cannot be started: said with the reason, final where it would fail again."""

import errno
import os
import sys
from pathlib import Path

import pytest

from bodywork.local.supervisor import child
from bodywork.model.run import Phase
from tests.bodywork.local.machine import NAMESPACE, Machine, attempt_of, batch

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the limit of one variable is Linux's")


def begin(tmp_path: Path, command: list[str], environment: dict[str, str] | None = None) -> int:
    output = os.open(tmp_path / "output", os.O_WRONLY | os.O_CREAT)
    try:
        return child.start(command, str(tmp_path), environment or {}, output)
    finally:
        os.close(output)


@pytest.mark.parametrize(
    ("name", "content", "mode", "what"),
    [
        ("nowhere", None, 0, "No such file or directory"),
        ("text", "no program\n", 0o700, "Exec format error"),
        ("script", "#!/no/such/interpreter\n", 0o700, "No such file or directory"),
        ("locked", "#!/bin/sh\n", 0o600, "Permission denied"),
    ],
)
def test_a_command_that_no_system_can_start_is_final(
    tmp_path: Path, name: str, content: str | None, mode: int, what: str
) -> None:
    program = tmp_path / name
    if content is not None:
        program.write_text(content)
        program.chmod(mode)
    with pytest.raises(child.CannotStart) as caught:
        begin(tmp_path, [str(program)])
    assert caught.value.final
    assert caught.value.reason == f"{program} cannot be started: {what}"


@LINUX
@pytest.mark.parametrize("more", [0, 1, 100_000])
def test_a_variable_may_be_as_long_as_the_system_lets_it_be(tmp_path: Path, more: int) -> None:
    longest = 32 * 4096 - len("NAME=") - 1
    environment = {"NAME": "x" * (longest + more), "OTHER": "y" * 1000}
    if not more:
        assert os.waitpid(begin(tmp_path, ["/bin/true"], environment), 0)[1] == 0
        return
    with pytest.raises(child.CannotStart) as caught:
        begin(tmp_path, ["/bin/true"], environment)
    assert caught.value.final
    assert f"the variable NAME has {longest + more} bytes" in caught.value.reason
    assert f"at most {longest}" in caught.value.reason
    assert caught.value.hint == child.TOO_LONG_HINT


@LINUX
def test_variables_that_are_too_long_together_are_counted(tmp_path: Path) -> None:
    environment = {f"NAME_{number}": "x" * 100_000 for number in range(100)}
    with pytest.raises(child.CannotStart, match=r"have 10\d+ bytes together") as caught:
        begin(tmp_path, ["/bin/true"], environment)
    assert caught.value.final


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_only_what_can_come_right_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse() -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fork", refuse)
    opened = len(os.listdir("/dev/fd"))
    with pytest.raises(child.CannotStart) as caught:
        begin(tmp_path, ["/bin/true"])
    assert caught.value.final is (number not in child.TEMPORARY)
    assert len(os.listdir("/dev/fd")) == opened


@LINUX
def test_a_secret_that_is_too_long_fails_once_with_its_name_and_a_hint(machine: Machine) -> None:
    machine.administration.create_secret(NAMESPACE, "login", {"TOKEN": "canary" * 40_000})
    seen = machine.run("", batch("job", 60, ("TOKEN", "login")))
    assert (seen.phase, seen.final, seen.exit_code) == (Phase.FAILED, True, 127)
    assert "the variable TOKEN has 240000 bytes" in seen.reason
    assert seen.hint == child.TOO_LONG_HINT
    assert not any("canary" in line for line in machine.log(attempt_of("job")))
