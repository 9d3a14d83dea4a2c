"""Each role alone: what the docs promise to it works, and what they do not promise is refused.

The refused commands run under accounts of their own, so that the comparison of each role with the
audit log (`scripts/check-rights`) sees only what the role is for.
"""

import re
from collections.abc import Callable

import pytest

from bodywork.cluster.rights import CONTROLLER, PEOPLE, PROMISED, ROLES
from tests.cluster.projects import Project
from tests.cluster.site import ROOT, Said, Site
from tests.cluster.waiting import wait_for

pytestmark = pytest.mark.timeout(300)

JOB = "nightly-29389821"
Recipe = Callable[[Site, Project, str], Said]
"""Runs one command with a kubeconfig, in a namespace where `story` has happened."""


def where(site: Site) -> str:
    return f"--namespace={site.namespace}"


def workflow(site: Site, shop: Project, kubeconfig: str) -> Said:
    return site.run("workflow", where(site), str(shop.folder), "main", kubeconfig=kubeconfig)


def of_run(command: str) -> Recipe:
    def run(site: Site, shop: Project, kubeconfig: str) -> Said:
        return site.run(command, where(site), site.runs()[1], kubeconfig=kubeconfig)

    return run


def plain(*words: str) -> Recipe:
    def run(site: Site, shop: Project, kubeconfig: str) -> Said:
        return site.run(*words, where(site), kubeconfig=kubeconfig)

    return run


def given(*words: str) -> Recipe:
    """Return a recipe whose options end with `--data`, which takes all that follows."""

    def run(site: Site, shop: Project, kubeconfig: str) -> Said:
        return site.run(*words[:2], where(site), *words[2:], kubeconfig=kubeconfig)

    return run


def create_cronjob(site: Site, shop: Project, kubeconfig: str) -> Said:
    return site.run(
        *("cronjob", "create", where(site), "--name=second", "--schedule=@yearly"),
        *("--git-repo-url=https://git.invalid/shop", "--git-repo-branch=main"),
        f"--image={site.cluster.image}",
        kubeconfig=kubeconfig,
    )


RECIPES: dict[str, Recipe] = {
    "workflow": workflow,
    "status": plain("status"),
    "logs": of_run("logs"),
    "cancel": of_run("cancel"),
    "service display": plain("service", "display"),
    "service delete": plain("service", "delete", "--name=shop--serve"),
    "doctor": plain("doctor"),
    "secret create": given("secret", "create", "--name=new", "--data", "USER=ada"),
    "secret update": given("secret", "update", "--name=store", "--data", "USER=bob"),
    "secret display": plain("secret", "display", "--reveal"),
    "secret delete": plain("secret", "delete", "--name=store"),
    "cronjob create": create_cronjob,
    "cronjob update": plain("cronjob", "update", "--name=nightly", "--retries=2"),
    "cronjob display": plain("cronjob", "display"),
    "cronjob run": plain("cronjob", "run", "--name=nightly"),
    "cronjob history": plain("cronjob", "history", "--name=nightly"),
    "cronjob logs": plain("cronjob", "logs", f"--name={JOB}"),
    "cronjob delete": plain("cronjob", "delete", "--name=nightly"),
}
WORKS_ALL_THE_SAME = {CONTROLLER: {"cronjob history", "cronjob logs"}, PEOPLE: set[str]()}
"""Role → what works with it as long as the schedule and its jobs are there, and is not promised."""


@pytest.fixture
def story(site: Site, project: Callable[..., Project]) -> Project:
    """A service, an unfinished run, a secret and a schedule with a job."""
    namespace = where(site)
    shop = project("serve")
    shop.service("serve")
    shop.commit()
    assert site.workflow(shop.folder).code == 0
    free = '{"metadata": {"ownerReferences": null}}'  # as an earlier release has left it
    site.cluster.kubectl("-n", site.namespace, "patch", "service", "shop--serve", "-p", free)
    slow = project("wait", "slow")
    slow.batch("wait", "import time\ntime.sleep(600)\n", seconds=600)
    slow.commit()
    controller = site.begin("workflow", namespace, str(slow.folder), "main")
    wait_for(
        site, "apis/batch/v1", "jobs", lambda job: bool((job.get("status") or {}).get("active"))
    )
    controller.kill()
    controller.wait()
    made = site.run("secret", "create", namespace, "--name=store", "--data", "USER=ada")
    assert made.code == 0, made.err
    made = site.run(
        *("cronjob", "create", namespace, "--name=nightly", "--schedule=@yearly"),
        *("--git-repo-url=https://git.invalid/shop", "--git-repo-branch=main"),
        f"--image={site.cluster.image}",
    )
    assert made.code == 0, made.err
    kubectl = site.cluster.kubectl
    kubectl("-n", site.namespace, "create", "job", JOB, "--from=cronjob/nightly")
    job = f"job/{JOB}"
    kubectl("-n", site.namespace, "wait", "--for=condition=Failed", "--timeout=120s", job)
    return shop


def documented(role: str) -> list[str]:
    """Return the commands that the page on security promises to a role."""
    page = (ROOT / "docs" / "security.md").read_text()
    row = re.search(rf"(?m)^\| `{role}` \|(.*)\|$", page)
    assert row is not None, role
    return re.findall(r"`bodywork ([a-z ]+)`", row[1])


def test_the_page_on_security_promises_what_the_roles_are_made_for() -> None:
    assert {role: tuple(documented(role)) for role in ROLES} == PROMISED
    assert set(RECIPES) == {command for commands in PROMISED.values() for command in commands}


@pytest.mark.parametrize("role", ROLES)
def test_what_is_promised_to_a_role_works_with_that_role_alone(
    site: Site, story: Project, role: str
) -> None:
    last = ("service delete", "secret delete", "cronjob delete")
    commands = sorted(documented(role), key=lambda command: command in last)
    for command in commands:
        said = RECIPES[command](site, story, site.kubeconfigs[role])
        assert said.code == 0, (command, said.out, said.err)
        assert "forbidden" not in said.err, (command, said.err)


@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_promised_to_a_role_is_refused_with_the_command_that_grants_it(
    site: Site, story: Project, role: str
) -> None:
    kubeconfig = site.make_account(f"only-{role}", role)
    for command in sorted(set(RECIPES) - set(PROMISED[role]) - WORKS_ALL_THE_SAME[role]):
        said = RECIPES[command](site, story, kubeconfig)
        assert said.code not in (0, 4, 5), (command, said.out, said.err)
        assert f"kubectl -n {site.namespace} create rolebinding" in said.err, (command, said.err)
        other = CONTROLLER if role == PEOPLE else PEOPLE
        account = f"--serviceaccount={site.namespace}:only-{role}"
        assert f"--role={other} {account}" in said.err, (command, said.err)


def test_a_stage_may_do_nothing(site: Site, project: Callable[..., Project]) -> None:
    """Its account has no right, and its pod no token to use one with."""
    account = f"system:serviceaccount:{site.namespace}:bodywork-jobs-and-deployments"
    for role in ROLES.values():
        for right in role:
            resource = f"{right.resource}.{right.group}" if right.group else right.resource
            resource, _, sub = resource.partition("/")
            words = ["auth", "can-i", right.verbs[0], resource, f"--as={account}"]
            words += [f"--subresource={sub}"] if sub else []
            answer = site.cluster.ask("-n", site.namespace, *words)
            assert answer == "no", (right, answer)
    shop = project("look")
    token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    shop.batch("look", f"import os\nassert not os.path.exists({token!r})\nprint('no token')\n")
    shop.commit()
    said = site.workflow(shop.folder)
    assert (said.code, "no token" in said.out) == (0, True), said.out


def test_a_setup_by_somebody_who_is_no_administrator_names_the_way_out(site: Site) -> None:
    kubeconfig = site.make_account("only-runner", CONTROLLER)
    said = site.run("setup-namespace", f"{site.namespace}-2", kubeconfig=kubeconfig)
    assert said.code == 1
    assert "only an administrator" in said.err
    assert "--dry-run" in said.err
