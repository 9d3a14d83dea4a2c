"""Secrets of a namespace, under the rights that people have."""

import base64

import pytest

from tests.cluster.site import Said, Site

pytestmark = pytest.mark.control_plane


def secret(site: Site, word: str, *arguments: str, stdin: str | None = None) -> Said:
    return site.run("secret", word, f"--namespace={site.namespace}", *arguments, stdin=stdin)


def stored(site: Site) -> dict[str, str]:
    data = site.get("secret", "bucket")["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def test_a_secret_lives_from_create_to_delete_and_is_never_echoed(site: Site) -> None:
    said = [
        secret(site, "create", "--name=bucket", "--data", "USERNAME=bodywork", "PASSWORD=first!"),
        secret(site, "update", "--name=bucket", "--data", "PASSWORD=second!"),
        secret(site, "display"),
    ]
    assert [each.code for each in said] == [0, 0, 0], said
    assert stored(site) == {"USERNAME": "bodywork", "PASSWORD": "second!"}
    assert not any("first!" in each.out + each.err for each in said)
    assert "second!" in secret(site, "display", "--name=bucket", "--reveal").out
    gone = secret(site, "delete", "--name=bucket")
    assert gone.code == 0, gone.err
    assert "bucket" not in secret(site, "display").out


def test_a_secret_that_was_made_with_kubectl_is_as_good(site: Site) -> None:
    kubectl = site.cluster.kubectl
    kubectl("-n", site.namespace, "create", "secret", "generic", "other", "--from-literal=a=b")
    assert "other" in secret(site, "display").out
    gone = secret(site, "delete", "--name=other")
    assert gone.code == 0, gone.err
    again = secret(site, "delete", "--name=other")
    assert again.code != 0
    assert "other" in again.err
