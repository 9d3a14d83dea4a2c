"""How packages are installed: pip's settings hold for uv as well, which does not read them; pure.

Images and secrets say `PIP_INDEX_URL` and its like; whether uv or pip does the work is our choice,
so it must make no difference. What somebody has told uv itself is left as it is.

https://docs.astral.sh/uv/reference/environment/
"""

from collections.abc import Mapping

_SAME = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_CONSTRAINT": "UV_CONSTRAINT",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_NO_INDEX": "UV_NO_INDEX",
}


def settings_for_uv(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with what uv needs to do as pip would: the same index, and trust.

    Authorities that the machine trusts are trusted by uv too.
    """
    told = {
        ours: environment[pips]
        for pips, ours in _SAME.items()
        if environment.get(pips) and not environment.get(ours)
    }
    return {"UV_SYSTEM_CERTS": "true", **environment, **told}
