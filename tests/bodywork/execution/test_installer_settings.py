"""Where packages are from is the user's choice; where to is not."""

import os
from pathlib import Path

import pytest

from bodywork.execution.installer_settings import deciding_settings, installer_variables

NOWHERE = {"PIP_CONFIG_FILE": os.devnull}


def test_pips_index_and_trust_hold_for_uv() -> None:
    told = installer_variables(
        {
            **NOWHERE,
            "PIP_INDEX_URL": "https://packages.example/simple",
            "PIP_EXTRA_INDEX_URL": "https://more.example/simple",
            "PIP_FIND_LINKS": "/a\n/b",
            "PIP_CERT": "/etc/authority.pem",
            "PATH": "/bin",
        }
    )
    assert told["UV_DEFAULT_INDEX"] == "https://packages.example/simple"
    assert told["UV_INDEX"] == "https://more.example/simple"
    assert told["UV_FIND_LINKS"] == "/a,/b"
    assert told["SSL_CERT_FILE"] == "/etc/authority.pem"
    assert told["UV_SYSTEM_CERTS"] == "true"
    assert told["PATH"] == "/bin"


def test_what_uv_was_told_itself_is_kept() -> None:
    given = {"PIP_INDEX_URL": "https://a.example", "UV_DEFAULT_INDEX": "https://b.example"}
    told = installer_variables({**NOWHERE, **given, "UV_SYSTEM_CERTS": "false"})
    assert told["UV_DEFAULT_INDEX"] == "https://b.example"
    assert told["UV_SYSTEM_CERTS"] == "false"


def test_an_empty_setting_is_none() -> None:
    assert "UV_INDEX" not in installer_variables({**NOWHERE, "PIP_EXTRA_INDEX_URL": ""})


@pytest.mark.parametrize(
    "name",
    ["PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET",
     "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "BODYWORK_GITHUB_SSH_PRIVATE_KEY",
     "UV_PYTHON", "PIP_DRY_RUN"],
)  # fmt: skip
def test_what_leads_elsewhere_is_left_out(name: str) -> None:
    assert name not in installer_variables({**NOWHERE, name: "/somewhere"})


def test_pips_files_hold_except_where_they_lead_elsewhere(tmp_path: Path) -> None:
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://a/\nextra-index-url =\n  https://b/\n  https://c/\n"
        "[install]\nuser = true\ntarget = /x\nprefix = /y\nno-binary = :all:\n[list]\nformat=x\n"
    )
    told = installer_variables({"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path)})
    assert told["PIP_INDEX_URL"] == told["UV_DEFAULT_INDEX"] == "https://a/"
    assert told["PIP_EXTRA_INDEX_URL"] == told["UV_INDEX"] == "https://b/ https://c/"
    assert told["PIP_NO_BINARY"] == ":all:"
    assert told["PIP_CONFIG_FILE"] == os.devnull
    assert not {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_FORMAT"} & set(told)


def test_a_variable_goes_before_a_file_and_a_broken_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "own.conf").write_text("[global]\nindex-url = https://a/\n")
    named = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "own.conf")}
    assert installer_variables(named)["PIP_INDEX_URL"] == "https://a/"
    assert installer_variables({**named, "PIP_INDEX_URL": "b"})["PIP_INDEX_URL"] == "b"
    (tmp_path / "own.conf").write_text("index-url = https://a/\n")
    assert "UV_DEFAULT_INDEX" not in installer_variables(named)


def test_only_what_decides_what_is_installed_counts() -> None:
    one = {"PIP_INDEX_URL": "a", "UV_EXCLUDE_NEWER": "2020-01-01", "HOME": "/x"}
    passing = {"PIP_TIMEOUT": "9", "PIP_RETRIES": "0", "UV_CACHE_DIR": "/y", "PIP_CERT": "/z"}
    told = deciding_settings({**one, **passing})
    assert told == {"PIP_INDEX_URL": "a", "UV_EXCLUDE_NEWER": "2020-01-01"}
