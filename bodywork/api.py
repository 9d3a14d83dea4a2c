"""The public Python API: run, resume and look at workflows from a program.

It shares the command line's composition root, and does what the commands do; nothing is printed.
What happens is told by the standard library's logging and by hooks.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from bodywork.cli import wiring
from bodywork.cli.heads import log_kept_commit
from bodywork.model.names import RunName
from bodywork.model.repository import check_path, identify_project
from bodywork.model.run import LogLine, StageRun
from bodywork.model.stage import Stage
from bodywork.model.workflow import Workflow as Project
from bodywork.workflow import lifecycle
from bodywork.workflow.context import LOG
from bodywork.workflow.hooks import as_hook, hook, load_hooks
from bodywork.workflow.progress import Request
from bodywork.workflow.record import parse_progress
from bodywork.workflow.resume import continue_request, needs_new_record, select_run
from bodywork.workflow.status import RunStatus
from statemachine.hooks import Hook, HookFunction

F = TypeVar("F", bound=HookFunction)


class Workflow:
    """The workflow of one branch of a Git repository.

    Args:
        repository: `https://…`, `git@host:path`, `file:///…` or a plain path.
        branch: branch, tag or commit.
        namespace: where its runs, secrets and services are kept; else $BODYWORK_NAMESPACE, else
            the kubeconfig's, else `default`.
        engine: `kubernetes`: pods of the cluster that kubectl would use, or of the one that
            $BODYWORK_CONTEXT names; `local`: processes on this machine; else $BODYWORK_ENGINE,
            else `kubernetes`. The command line has the same rule.
        history: how many ended runs of the project stay on record.
        path: the project's folder in the repository, such as `services/iris`; else its root.

    Raises:
        UsageError: there is no such engine, the namespace cannot be called that, or the path leads
            out of the repository.
        EngineUnavailable: no cluster is configured.
    """

    def __init__(
        self,
        repository: str,
        branch: str,
        *,
        namespace: str = "",
        engine: str = "",
        history: int = 10,
        path: str = "",
    ) -> None:
        self._repository = repository
        self._path = check_path(path)
        self._branch = branch
        self._place = wiring.open_place(engine, namespace)
        self._history = history
        self._hooks: list[Hook] = []

    def __repr__(self) -> str:
        place = self._place
        return (
            f"Workflow({self._shown!r}, {self._branch!r}, namespace={str(place.namespace)!r}, "
            f"engine={place.engine_name!r})"
        )

    def on(
        self, *topics: str, name: str = "", required: bool = False, time_limit_seconds: float = 30.0
    ) -> Callable[[F], F]:
        """Register the decorated function as a hook of the runs of this object.

        Args:
            topics: as for `bodywork.hook`.
            name: the same in every process that may resume the run; `module:function` by default.
            required: whether a run fails when the hook fails for good.
            time_limit_seconds: for one try.
        """

        def register(function: F) -> F:
            marked = hook(
                *topics, name=name, required=required, time_limit_seconds=time_limit_seconds
            )(function)
            self._hooks.append(as_hook(marked))
            return function

        return register

    def run(self, *, commit: str = "", adopt: bool = False) -> RunStatus:
        """Run the workflow to its end; the status says how it went.

        Args:
            commit: exactly this commit, wherever the branch points.
            adopt: take over services of the project that another repository has deployed.

        Raises:
            Interrupted: a signal handler of the program asked for it; the run can be resumed.
            NotFound: the cluster has no such namespace.
            BodyworkError: the run could not be put on record.
        """
        self._make_ready()
        request = Request(
            self._place.namespace,
            self._shown,
            self._branch or commit,
            commit=commit,
            adopt=adopt,
            path=self._path,
        )
        return self._control(request, None)

    def resume(
        self,
        run: str = "",
        *,
        branch: str = "",
        commit: str = "",
        from_stage: str = "",
        adopt: bool = False,
        take_over: bool = False,
    ) -> RunStatus:
        """Go on with an unfinished or failed run, to its end.

        Args:
            run: which one; by default the newest of this repository and branch.
            branch, commit: go on with other code.
            from_stage: run this stage and all after it again.
            adopt: as for `run`; what the run was allowed before, it still is.
            take_over: do not wait to see whether its controller is alive.

        Raises:
            RunNotFound: there is nothing to resume.
            OwnershipHeld: another controller is at work on it, and alive.
        """
        found = wiring.checkpoints(self._place.store)
        mine = {"repository": self._shown, "reference": self._branch, "path": self._path}
        place = {} if run else mine
        chosen = select_run(found, run=run, **place)
        before = parse_progress(chosen.data)
        if not branch and commit in ("", before.commit):
            log_kept_commit(before)
        if not needs_new_record(
            chosen, reference=branch, commit=commit, stage=from_stage, adopt=adopt
        ):
            return self._control(None, RunName(chosen.id), take_over=take_over)
        request = continue_request(
            before, reference=branch, commit=commit, from_stage=from_stage, adopt=adopt
        )
        unfinished = None if chosen.state in lifecycle.TERMINAL else RunName(chosen.id)
        return self._control(request, None, ends=unfinished)

    def status(self, run: str = "") -> RunStatus:
        """Return the status of a run; by default of the newest of this repository and branch.

        Raises:
            RunNotFound: there is none.
        """
        if run:
            return wiring.status_of(self._place, run)
        mine = (identify_project(self._shown, self._path), self._branch)
        for each in wiring.list_statuses(self._place):
            of = identify_project(each.repository, each.project_path)
            if (of, each.reference) == mine:
                return each
        return wiring.status_of(
            self._place, select_run([], repository=self._shown, reference=self._branch).id
        )

    @property
    def _shown(self) -> str:
        from bodywork.git import parse_repository

        return parse_repository(self._repository).text

    def _make_ready(self) -> None:
        """Make the namespace where it is a folder; one of a cluster is an administrator's."""
        if self._place.engine_name == "local":
            self._place.administration.setup_namespace(self._place.namespace)
        else:
            self._place.require()

    def _control(
        self,
        request: Request | None,
        run: RunName | None,
        *,
        take_over: bool = False,
        ends: RunName | None = None,
    ) -> RunStatus:
        hooks = load_hooks(())
        for each in self._hooks:
            hooks.register(each)
        with self._place.controller(
            _Quiet(), hooks=hooks, credentials=self._repository
        ) as controller:
            if ends:
                controller.cancel(ends, "a run that continues it")
            if request:
                run = controller.begin(request)
            if run is None:
                raise ValueError("either a request or a run")
            verdict = parse_progress(controller.execute(run, take_over=take_over).data).verdict
            if verdict and verdict.fault in ("config", "source"):
                LOG.error("the run could not begin: %s", verdict.reason)
            controller.prune_after_end(self._history)
        return wiring.status_of(self._place, run)


class _Quiet:
    """A reporter that leaves the telling to logging and hooks."""

    def say(self, line: str) -> None:
        """Git's output is of no interest to a program."""

    def project_known(self, workflow: Project) -> None:
        """The program has set its own log level."""

    def stage_started(
        self,
        attempt: StageRun,
        stage: Stage,
        alone: bool,
        follow: Callable[[], Iterator[LogLine]],
    ) -> None:
        """Hear of it; the log is passed on when it is whole."""

    def stage_ended(self, attempt: StageRun, lines: Iterable[LogLine]) -> None:
        """The log can be read later."""
