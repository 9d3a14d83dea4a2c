"""A client inside the cluster that asks a service again and again, and counts what goes wrong."""

import json
import subprocess
from collections import Counter

from tests.cluster.site import Site

NAME = "visitor"
_SCRIPT = """
import sys, time, urllib.request
while True:
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
            print(answer.read().decode(), flush=True)
    except Exception as error:
        print("FAILED", type(error).__name__, flush=True)
    time.sleep(0.02)
"""


class Visitor:
    """Begins to ask as soon as it is made; `counted` says what it was answered."""

    def __init__(self, site: Site, url: str, name: str = NAME) -> None:
        self._site = site
        self._name = name
        container = {
            "name": NAME,
            "image": site.cluster.image,
            "command": ["python3", "-c", _SCRIPT, url],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": site.namespace},
            "spec": {
                "containers": [container],
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 10001,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
            },
        }
        site.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        site.cluster.kubectl(
            "-n", site.namespace, "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s"
        )
        self._await_first_answer()

    def counted(self) -> Counter[str]:
        """Return how often it got each answer so far; failures begin with FAILED."""
        log = self._site.cluster.kubectl("-n", self._site.namespace, "logs", self._name)
        return Counter(log.splitlines())

    def _await_first_answer(self) -> None:
        """Return when it has asked once: a pod is ready before its program has done anything."""
        command = ["kubectl", "--kubeconfig", self._site.cluster.kubeconfig]
        command += ["-n", self._site.namespace, "logs", "--follow", self._name]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as following:
            assert following.stdout is not None
            assert following.stdout.readline(), "the visitor has ended without a request"
            following.kill()
