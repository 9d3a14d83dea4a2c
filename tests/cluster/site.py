"""A namespace of the test cluster, with one account for each role, and the command line.

Each command runs under the first role that is promised to be enough for it, and under no other.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bodywork.cluster.rights import CONTROLLER, PEOPLE, PROMISED

BODYWORK = [sys.executable, "-c", "from bodywork.cli import main; main()"]
ROOT = Path(__file__).resolve().parents[2]
ACCOUNTS = {CONTROLLER: "runner", PEOPLE: "keeper"}
"""Role → the service account that has this role and no other."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes:
        kubeconfig: an administrator's.
        audit_log: of the API server; None where it cannot be read.
        image: this project's, as pods may name it.
        gateway: where pods reach this machine.
        authority: folder with an authority that pods trust, for servers at the gateway.
        node: whether pods run.
    """

    kubeconfig: str
    audit_log: Path | None
    image: str
    gateway: str = "10.88.0.1"
    authority: Path | None = None
    node: bool = True

    def trusted_authority(self) -> Path:
        """Return the authority; skip the test where pods trust none of ours."""
        if self.authority is None:
            pytest.skip("needs pods that trust an authority of the tests: a cluster of our own")
        return self.authority

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl as administrator and return what it prints."""
        done = subprocess.run(
            ["kubectl", "--kubeconfig", self.kubeconfig, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ask(self, *arguments: str) -> str:
        """Return what kubectl prints, whatever its exit code."""
        command = ["kubectl", "--kubeconfig", self.kubeconfig, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return what `kubectl get … -o json` says."""
        return dict(json.loads(self.kubectl("get", *arguments, "-o", "json")))


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Site:
    """A namespace, and the command line of users with the least rights there.

    Attributes:
        kubeconfigs: role → the kubeconfig of the account that has this role alone.
        variables: added to the environment of each command.
    """

    cluster: Cluster
    folder: Path
    namespace: str = field(default_factory=lambda: f"t-{uuid.uuid4().hex[:8]}")
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)
    kubeconfigs: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        made = self.run("setup-namespace", self.namespace, kubeconfig=self.cluster.kubeconfig)
        assert made.code == 0, made.err
        for role, account in ACCOUNTS.items():
            self.kubeconfigs[role] = self.make_account(account, role)

    @property
    def kubeconfig(self) -> str:
        """The kubeconfig of a user who runs workflows."""
        return self.kubeconfigs[CONTROLLER]

    def run(self, *arguments: str, kubeconfig: str = "", stdin: str | None = None) -> Said:
        """Run a command to its end."""
        done = subprocess.run(
            [*BODYWORK, *arguments],
            env=self.environment(kubeconfig or self.kubeconfig_for(*arguments)),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert "bug in Bodywork" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str, kubeconfig: str = "") -> "subprocess.Popen[str]":
        """Start a command and return without waiting for it."""
        process = subprocess.Popen(
            [*BODYWORK, *arguments],
            env=self.environment(kubeconfig or self.kubeconfig_for(*arguments)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def workflow(self, repository: Path | str, branch: str = "main", *more: str) -> Said:
        """Run a workflow to its end."""
        return self.run("workflow", f"--namespace={self.namespace}", str(repository), branch, *more)

    def status(self, run: str) -> Any:
        """Return a run's status."""
        return self.run("status", f"--namespace={self.namespace}", run, "-o", "json").json

    def runs(self) -> list[str]:
        """Return the names of the runs on record, oldest first."""
        maps = self.get("configmaps", "-l", "bodywork.io/kind=run")["items"]
        maps.sort(key=lambda each: each["metadata"]["creationTimestamp"])
        return [each["metadata"]["name"] for each in maps]

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return objects of the namespace, as an administrator sees them."""
        return self.cluster.get("-n", self.namespace, *arguments)

    def environment(self, kubeconfig: str = "") -> dict[str, str]:
        """Return the environment of a command."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("BODYWORK_")}
        own = {"KUBECONFIG": kubeconfig or self.kubeconfig, "HOME": str(self.folder)}
        return {**kept, **own, **self.variables}

    def audit(self, since: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the audit log's entries about this namespace, of our users and controllers.

        Args:
            since: how long the log was, in bytes, before what is looked for.
        """
        if self.cluster.audit_log is None:
            pytest.skip("needs the API server's audit log, which only a cluster of our own has")
        accounts = (*ACCOUNTS.values(), CONTROLLER)
        ours = tuple(f":{self.namespace}:{account}" for account in accounts)
        with self.cluster.audit_log.open() as lines:
            lines.seek(since)
            for line in lines:
                if self.namespace not in line:
                    continue
                entry = json.loads(line)
                by_us = entry["user"]["username"].endswith(ours)
                if by_us and entry.get("userAgent", "").startswith("bodywork/"):
                    yield entry

    def make_account(self, account: str, role: str) -> str:
        """Make an account with the rights of one role; return a kubeconfig for it."""
        namespace, kubectl = self.namespace, self.cluster.kubectl
        subject = f"--serviceaccount={namespace}:{account}"
        kubectl("-n", namespace, "create", "serviceaccount", account)
        kubectl("-n", namespace, "create", "rolebinding", account, f"--role={role}", subject)
        everywhere = ("clusterrolebinding", f"{account}--{namespace}")
        kubectl("create", *everywhere, f"--clusterrole={CONTROLLER}", subject)
        token = kubectl("-n", namespace, "create", "token", account, "--duration=2h")
        config = json.loads(kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        config["users"][0]["user"] = {"token": token}
        path = self.folder / f"{namespace}-{account}.conf"
        path.write_text(json.dumps(config))
        return str(path)

    def close(self) -> None:
        """End what was started; the namespace goes without anybody waiting for it."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        self.cluster.kubectl("delete", "namespace", self.namespace, "--wait=false")
        self.cluster.kubectl(
            "delete",
            "clusterrolebinding",
            f"bodywork-workflow-controller--{self.namespace}",
            *(f"{account}--{self.namespace}" for account in ACCOUNTS.values()),
            "--ignore-not-found",
        )

    def kubeconfig_for(self, *arguments: str) -> str:
        """Return the kubeconfig of the first role that is promised to be enough for a command."""
        words = {arguments[0], " ".join(arguments[:2])}
        for role, commands in PROMISED.items():
            if not words.isdisjoint(commands):
                return self.kubeconfigs[role]
        return self.kubeconfig
