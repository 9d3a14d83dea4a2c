"""A project of another repository with the same name, as a person at a shell meets it."""

import json
import shutil
from pathlib import Path

from tests.crash.workplace import NAMESPACE, Workplace

WHERE = f"--namespace={NAMESPACE}"
RUN_FAILED = (1,)


def test_it_is_refused_and_may_adopt_what_is_there(tmp_path: Path) -> None:
    with Workplace(tmp_path / "work") as place:
        place.project("prepare >> serve")
        place.batch("prepare")
        place.service("serve")
        place.commit()
        place.workflow()
        moved = place.root / "moved"
        shutil.copytree(place.repository, moved)
        for more in ([], ["--dry-run"]):
            said = place.bodywork("workflow", WHERE, *more, str(moved), "main", codes=RUN_FAILED)
            belongs = f"service shop--serve belongs to another repository, {place.repository}"
            assert f"{belongs}; this run is of {moved}" in said
            assert "hint: choose another PROJECT_NAME" in said
            assert "bodywork workflow --adopt" in said
        assert place.effects.read_text().split("\n").count("prepare 1") == 1

        place.workflow("--resume", "--adopt")
        shown = json.loads(place.bodywork("service", "display", WHERE, "-o", "json"))
        assert [each["repository"] for each in shown["services"]] == [str(moved)]
        assert str(moved) in place.bodywork("service", "display", WHERE)
        refused = place.workflow(codes=RUN_FAILED)
        assert f"this run is of {place.repository}" in refused
