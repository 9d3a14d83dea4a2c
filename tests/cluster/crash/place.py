"""Where points are tried: a namespace, and what stands between it and the commands."""

import itertools
from contextlib import suppress
from pathlib import Path
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.errors import NotFound
from tests.cluster.crash.commands import Command, CommandLines
from tests.cluster.fuse import Fuse
from tests.cluster.kubelet import SCHEDULER, ScriptedKubelet
from tests.cluster.proxy import Proxy
from tests.cluster.site import Cluster, Site

Found = dict[str, Any]


class Place:
    """A namespace in which points are tried one after another.

    Attributes:
        kubelet: says how pods go; None where a real node runs them.
        fused: the proxy of the command that is to be killed; `plain` of those before and after
            it, `aside` of those at the same time.
    """

    def __init__(
        self, cluster: Cluster, folder: Path, commands: CommandLines, *, scripted: bool
    ) -> None:
        self.site = Site(cluster, folder)
        self.folder = folder
        self.commands = commands
        self.client = Client.connect(kubeconfig=cluster.kubeconfig)
        scheduler = SCHEDULER if scripted else ""
        self.fused = Proxy(self.site.kubeconfig, scheduler)
        self.plain = Proxy(self.site.kubeconfig, scheduler)
        self.aside = Proxy(self.site.kubeconfig, scheduler)
        self.kubelet = (
            ScriptedKubelet(cluster.kubeconfig, self.site.namespace) if scripted else None
        )
        self._numbers = itertools.count(1)
        self._kubeconfigs: dict[tuple[str, str], str] = {}
        self._begun: list[Command] = []

    @property
    def namespace(self) -> str:
        return self.site.namespace

    @property
    def _proxies(self) -> tuple[Proxy, ...]:
        return self.fused, self.plain, self.aside

    def new_project(self) -> str:
        """Return the name of a project that has never been."""
        return f"p{next(self._numbers)}"

    def begin(self, *arguments: str, fuse: Fuse | None = None, beside: bool = False) -> Command:
        """Start a command, with or without a fuse, or `beside` others that are looked at."""
        proxy = self.aside if beside else self.plain
        if fuse is not None:
            proxy = self.fused
            proxy.fuse = fuse
        variables = {"BODYWORK_NAMESPACE": self.namespace}
        kubeconfig = self._kubeconfig(proxy, self.site.kubeconfig_for(*arguments))
        command = self.commands.begin(arguments, {**self.site.environment(kubeconfig), **variables})
        self._begun.append(command)
        if fuse is not None:
            fuse.aim(command.process)
        return command

    def objects(self, collection: str, selector: str) -> list[Found]:
        """Return objects of the namespace; the collection is named as in `paths`."""
        path = getattr(paths, collection)(self.namespace)
        return self.client.list_all(path, label_selector=selector)[0]

    def clear(self, project: str, runs: list[str]) -> None:
        """Delete all of a project, so that later points do not list it; does not wait."""
        for command in self._begun:
            command.end()
        self._begun.clear()
        for proxy in self._proxies:
            proxy.cut()
        doomed = [paths.config_map(self.namespace, run) for run in runs]
        ours = f"{labels.PROJECT}={project}"
        for collection in ("deployment", "service"):
            for each in self.objects(f"{collection}s", ours):
                name = each["metadata"]["name"]
                doomed.append(getattr(paths, collection)(self.namespace, name))
        for path in doomed:
            with suppress(NotFound):  # the cluster deletes what belonged to another
                self.client.delete(path)

    def close(self) -> None:
        for command in self._begun:
            command.end()
        for proxy in self._proxies:
            proxy.close()
        if self.kubelet:
            self.kubelet.close()
        self.client.close()
        self.site.close()

    def _kubeconfig(self, proxy: Proxy, like: str) -> str:
        key = (proxy.url, like)
        if key not in self._kubeconfigs:
            file = self.folder / f"through-{len(self._kubeconfigs)}.conf"
            self._kubeconfigs[key] = proxy.write_kubeconfig(file, like)
        return self._kubeconfigs[key]
