"""Files that Bodywork did not make, in the place of the local engine's own: the run ends itself."""

from pathlib import Path

import pytest

from bodywork.local.folders import Folders
from tests.bodywork.cli.conftest import CommandLine, Project

RUN = "foreign"
SERVE = """
import http.server
http.server.HTTPServer(("0.0.0.0", 5000), http.server.BaseHTTPRequestHandler).serve_forever()
"""
PLACES = {
    "service": "services/shop--two",
    "versions": "services/shop--two/versions",
    "version": f"services/shop--two/versions/{RUN}-1",
    "live": "services/shop--two/live.json",
    "claim": "services/shop--two/claim.json",
    "source": f"runs/{RUN}/{{source}}",
    "attempts": f"runs/{RUN}/attempts",
    "attempt": f"runs/{RUN}/attempts/one/1",
}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"run": "a"}'])
@pytest.mark.parametrize("place", PLACES)
def test_a_file_in_the_way_fails_the_run(
    place: str, content: str, home: Path, bodywork: CommandLine, shop: Project
) -> None:
    shop.service("two", SERVE)
    commit = shop.commit()
    assert bodywork("setup-namespace", "default").code == 0
    source = Folders.of(home, "default").source(RUN, commit).name
    file = home / "namespaces" / "default" / PLACES[place].format(source=source)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    said = bodywork("workflow", shop.url, "main", "--as", RUN)
    assert said.code == 1, said.err
    assert "bug in Bodywork" not in said.err
    assert "error: " in said.err
    assert "hint: " in said.err
    status = bodywork("status", RUN, "-o", "json").json
    assert status["ended"]
    assert status["state"] in ("failed", "rolled-back")
    assert file.read_text() == content
