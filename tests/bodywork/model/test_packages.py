"""uv is told what pip is told."""

from bodywork.model.packages import settings_for_uv


def test_pips_index_and_trust_hold_for_uv() -> None:
    told = settings_for_uv(
        {
            "PIP_INDEX_URL": "https://packages.example/simple",
            "PIP_EXTRA_INDEX_URL": "https://more.example/simple",
            "PIP_CERT": "/etc/authority.pem",
            "PATH": "/bin",
        }
    )
    assert told["UV_DEFAULT_INDEX"] == "https://packages.example/simple"
    assert told["UV_INDEX"] == "https://more.example/simple"
    assert told["SSL_CERT_FILE"] == "/etc/authority.pem"
    assert told["UV_SYSTEM_CERTS"] == "true"
    assert told["PATH"] == "/bin"


def test_what_uv_was_told_itself_is_kept() -> None:
    given = {"PIP_INDEX_URL": "https://a.example", "UV_DEFAULT_INDEX": "https://b.example"}
    assert settings_for_uv({**given, "UV_SYSTEM_CERTS": "false"}) == {
        **given,
        "UV_SYSTEM_CERTS": "false",
    }


def test_an_empty_setting_is_none() -> None:
    assert "UV_INDEX" not in settings_for_uv({"PIP_EXTRA_INDEX_URL": ""})
