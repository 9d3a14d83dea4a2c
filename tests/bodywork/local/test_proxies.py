"""Behind a proxy, stages reach the project's services directly, also those that come later."""

import os
import urllib.request
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bodywork.local import commands
from bodywork.local.folders import Folders
from bodywork.model.names import service_name
from tests.bodywork.local.machine import NAMESPACE, attempt_of

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}[a-z0-9]", fullmatch=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    own=st.sets(NAMES, min_size=1, max_size=5),
    others=st.sets(NAMES, max_size=3),
    before=st.sampled_from(["", "intranet.example", "a.example,b.example"]),
)
def test_no_service_is_looked_for_at_the_proxy(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    own: set[str],
    others: set[str],
    before: str,
) -> None:
    root: Path = tmp_path_factory.mktemp("state")
    folders, source = Folders.of(root, NAMESPACE), root / "source"
    for name in own:
        (source / name).mkdir(parents=True)
        (source / name / "config.ini").touch()
    (source / "docs").mkdir()
    for name in others:
        (folders.services / service_name("other", name)).mkdir(parents=True)
    folders.services.mkdir(parents=True, exist_ok=True)
    with monkeypatch.context() as patch:
        patch.setenv("NO_PROXY", before)
        patch.delenv("no_proxy", raising=False)
        told = commands._variables(folders, attempt_of(min(own)), source, None)
        patch.setattr(os, "environ", {**os.environ, **told})
        for name in own:
            assert urllib.request.proxy_bypass(f"{service_name('shop', name)}:5000")
        for name in others:
            assert urllib.request.proxy_bypass(service_name("other", name))
        for name in filter(None, before.split(",")):
            assert urllib.request.proxy_bypass(name)
        assert not urllib.request.proxy_bypass("public.example")
        assert not urllib.request.proxy_bypass("shop--docs")
