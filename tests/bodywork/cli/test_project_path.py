"""A project in a folder of a repository: run, resumed, shown and kept apart from its neighbours."""

import json
from pathlib import Path

import pytest

import bodywork as api
from bodywork.errors import RunNotFound, UsageError
from tests.bodywork.cli.conftest import CommandLine, Project
from tests.servers.repositories import git

READS = """\
import pathlib, sys
sys.path.insert(0, "../../../lib")
import common
assert pathlib.Path.cwd().parts[-3:] == ("services", "{name}", "one")
print("{name} reads", common.X)
"""


class Mono(Project):
    """A repository of several projects; those of `services/NAME` are called NAME."""

    def add(self, name: str, two: str = "print('two of', {name!r})\n", shared: str = "") -> None:
        folder = self.folder / "services" / name
        folder.mkdir(parents=True)
        settings = f"[default]\nPROJECT_NAME={name}\n[workflow]\nDAG=one >> two\n"
        (folder / "bodywork.ini").write_text(settings)
        for stage, script in (("one", READS), ("two", two)):
            self.write(f"services/{name}/{stage}/main.py", script.format(name=name))
            self.write(f"services/{name}/{stage}/requirements.txt", "")
            self.write(
                f"services/{name}/{stage}/config.ini",
                "[default]\nSTAGE_TYPE=batch\nEXECUTABLE_SCRIPT=main.py\n"
                + (f"SHARED={shared}\n" if shared else "")
                + "[batch]\nMAX_COMPLETION_TIME_SECONDS=30\n",
            )

    def write(self, path: str, text: str) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


@pytest.fixture
def mono(tmp_path: Path) -> Mono:
    """Two projects that share a library; the second stage of `shop` fails."""
    made = Mono(tmp_path / "mono")
    made.write("lib/common.py", "X = 41\n")
    made.add("iris")
    made.add("shop", "raise SystemExit(3)\n")
    made.commit()
    return made


def run(bodywork: CommandLine, mono: Mono, name: str, *more: str) -> int:
    return bodywork("workflow", f"--path=services/{name}", *more, mono.url, "main").code


def statuses(bodywork: CommandLine) -> dict[str, tuple[str, str]]:
    runs = bodywork("status", "-o", "json").json["runs"]
    return {each["run"]: (each["project_path"], each["state"]) for each in runs}


@pytest.mark.parametrize("path", ["services/iris", "./services//iris/", "services/./iris"])
def test_its_stages_run_where_they_stand(bodywork: CommandLine, mono: Mono, path: str) -> None:
    said = bodywork("workflow", "--path", path, mono.url, "main")
    assert (said.code, "iris reads 41" in said.out) == (0, True)
    status = bodywork("status", bodywork.newest())
    assert "services/iris" in status.out
    assert bodywork("status", bodywork.newest(), "-o", "json").json["project_path"] == (
        "services/iris"
    )
    assert bodywork("stage", "--path", path, mono.url, "main", "one").code == 0


def test_two_projects_of_a_repository_are_kept_apart(bodywork: CommandLine, mono: Mono) -> None:
    assert run(bodywork, mono, "shop") == 1
    failed = bodywork.newest()
    assert run(bodywork, mono, "iris") == 0
    assert {path for path, _ in statuses(bodywork).values()} == {"services/iris", "services/shop"}
    dry = bodywork("workflow", "--resume", "--dry-run", "--path=services/shop", mono.url, "main")
    assert f"run {failed}," in dry.out
    assert "reuse" in dry.out
    for given in (["--path=services/iris", mono.url, "main"], [mono.url, "main"]):
        assert bodywork("workflow", "--resume", *given).code == 2
    assert bodywork("workflow", "--resume", f"--run={failed}", "--path=services/iris").code == 2
    mono.write("services/shop/two/main.py", "print('fixed')\n")
    mono.commit()
    said = bodywork("workflow", "--resume", "--branch=main", "--path=services/shop")
    assert (said.code, "fixed" in said.out) == (0, True)
    assert f"reusing stage=one from run={failed}" in said.err + said.out
    assert bodywork("status", bodywork.newest(), "-o", "json").json["project_path"] == (
        "services/shop"
    )


def test_a_named_run_is_of_one_project(bodywork: CommandLine, mono: Mono) -> None:
    assert run(bodywork, mono, "iris", "--as=nightly") == 0
    said = bodywork("workflow", "--path=services/shop", "--as=nightly", mono.url, "main")
    assert (said.code, "(path services/iris)" in said.err) == (2, True)


@pytest.mark.parametrize("shared", ["", "../../lib"])
def test_what_is_reused_follows_from_what_its_stages_can_read(
    bodywork: CommandLine, mono: Mono, shared: str
) -> None:
    mono.add("demo", "raise SystemExit(3)\n", shared)
    mono.commit()
    assert run(bodywork, mono, "demo") == 1

    def action(path: str) -> str:
        mono.write(path, f"X = 1  # {path}\n")
        mono.commit()
        said = bodywork("workflow", "--resume", "--branch=main", "--dry-run", "-o", "json")
        mono._git("revert", "--no-edit", "HEAD")
        return str(said.json["stages"][0]["action"])

    assert action("services/demo/two/new.py") == "reuse"
    assert action("services/demo/bodywork.ini.md") == ("reuse" if shared else "run")
    assert action("services/iris/one/main.py") == ("reuse" if shared else "run")
    assert action("lib/common.py") == "run"


@pytest.mark.parametrize(
    "path",
    ["/etc", "..", "services/../..", "services/../shop", "~/x", "a\\b", ".git", "x/.GIT/y", "$(x)",
     "a\nb", "x" * 501],
)  # fmt: skip
def test_a_hostile_path_is_refused(bodywork: CommandLine, mono: Mono, path: str) -> None:
    for command in (["workflow"], ["stage"], ["validate"]):
        arguments = [mono.url, "main"] if command != ["validate"] else [str(mono.folder)]
        arguments += ["one"] if command == ["stage"] else []
        said = bodywork(*command, f"--path={path}", *arguments)
        assert (said.code, "error: " in said.err, "Traceback" in said.err) == (2, True, False)
    assert bodywork("status", "-o", "json").json["runs"] == []
    with pytest.raises(UsageError):
        api.Workflow(mono.url, "main", engine="local", path=path)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("services/irs", "services/irs is not in the repository"),
        ("lib/common.py", "lib/common.py is a file, not a folder"),
        ("lib", "lib/bodywork.ini: it is missing"),
        ("link", "link is a symbolic link"),
        ("out/iris", "out is a symbolic link"),
    ],
)
def test_a_path_without_a_project_is_told(
    bodywork: CommandLine, mono: Mono, tmp_path: Path, path: str, words: str
) -> None:
    (mono.folder / "link").symlink_to("services/iris")
    (mono.folder / "out").symlink_to(mono.folder / "services")
    mono.commit()
    said = bodywork("workflow", f"--path={path}", mono.url, "main")
    assert (said.code, words in said.err) == (2, True), said.err
    said = bodywork("stage", f"--path={path}", mono.url, "main", "one")
    assert said.code == 2
    assert bodywork("validate", f"--path={path}", str(mono.folder)).code == 2


def test_a_project_is_checked_from_its_repository_or_its_own_folder(
    bodywork: CommandLine, mono: Mono
) -> None:
    mono.add("demo", shared="../../lib, ../../../x")
    place = "demo/one/config.ini:4: error: [default] SHARED: ../../../x leads out of the repository"
    said = bodywork("validate", "--path=services/demo", str(mono.folder))
    assert (said.code, f"services/{place}" in said.out) == (2, True)
    said = bodywork("validate", str(mono.folder / "services" / "demo"))
    assert (said.code, place.removeprefix("demo/") in said.out) == (2, True)
    assert bodywork("validate", str(mono.folder / "services" / "iris")).code == 0
    assert "services/demo" in bodywork("validate", str(mono.folder / "services" / "iris")).err


def test_a_folder_of_a_repository_is_told_with_the_option(
    bodywork: CommandLine, mono: Mono
) -> None:
    said = bodywork("workflow", str(mono.folder / "services" / "iris"), "main")
    assert said.code == 2
    assert f"give {mono.folder}; --path=services/iris names a project in a folder" in said.err


def test_a_program_names_the_path(bodywork: CommandLine, mono: Mono) -> None:
    shop = api.Workflow(mono.url, "main", engine="local", path="services/shop")
    assert (shop.run().state, shop.status().project_path) == ("failed", "services/shop")
    iris = api.Workflow(mono.url, "main", engine="local", path="services/iris")
    assert (iris.run().state, iris.status().project_path) == ("succeeded", "services/iris")
    with pytest.raises(RunNotFound):
        iris.resume()
    assert shop.resume().continues == shop.status().continues != ""


def test_submodules_of_a_repository_are_asked_for_by_the_project(
    bodywork: CommandLine, mono: Mono, tmp_path: Path
) -> None:
    from tests.bodywork.git.test_submodules import add, init

    init(tmp_path / "library", common_py="X = 43\n")
    git(mono.folder, "rm", "--quiet", "-r", "lib")
    add(mono.folder, "lib", "../library", git(tmp_path / "library", "rev-parse", "HEAD"))
    assert run(bodywork, mono, "iris") == 1
    settings = mono.folder / "services" / "iris" / "bodywork.ini"
    settings.write_text(settings.read_text() + "SUBMODULES=yes\n")
    git(mono.folder, "add", "services")
    git(mono.folder, "commit", "--quiet", "--message", "yes")
    said = bodywork("workflow", "--path=services/iris", mono.url, "main")
    assert (said.code, "iris reads 43" in said.out) == (0, True)


def test_json_of_a_project_at_the_root_has_no_path(bodywork: CommandLine, shop: Project) -> None:
    assert bodywork("workflow", shop.url, "main").code == 0
    assert (
        json.loads(bodywork("status", bodywork.newest(), "-o", "json").out)["project_path"] is None
    )
