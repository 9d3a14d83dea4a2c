"""What can keep a pod from starting, each with what to do about it; one table, and pure.

A cause is recognised by the reason and message that Kubernetes gives, as `REASON: message`, whether
they stand in a status or in an event. The first row that fits decides.
"""

import re
from dataclasses import dataclass, replace

from bodywork.cluster.rights import CONTROLLER

Pattern = re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a controller from starting.

    Attributes:
        reason: one line for people.
        hint: what to do, with the command where there is one; "" where nothing needs to be done.
        passes: whether waiting can mend it: the same pod starts as soon as the cause is gone.
    """

    reason: str
    hint: str
    passes: bool

    def after(self, seconds: int | None) -> "Obstacle":
        """Return it as the reason of a Job that has ended because its time ran out."""
        limit = f" within {seconds} s" if seconds else " in time"
        return replace(self, reason=f"it did not start{limit}: {self.reason}", passes=False)


@dataclass(frozen=True, slots=True)
class Names:
    """What hints name. `image` is "" where it is not known."""

    namespace: str
    schedule: str
    job: str
    image: str = ""


@dataclass(frozen=True, slots=True)
class _Cause:
    """A row of the table.

    Attributes:
        pattern: searched in `REASON: message`; its named groups are values of the templates.
        reason: a template; "" takes Kubernetes' words.
        hint: a template.
        passes: see `Obstacle`.
    """

    pattern: Pattern
    reason: str
    hint: str
    passes: bool


_LONGEST = 400
_PULL = r"(?:ErrImagePull|ImagePullBackOff|Failed to pull image|Back-off pulling image)"
_DENIED = r"(?:[Uu]nauthorized|[Dd]enied|\b40[13]\b|authoriz|authenticat|credential)"
_UPDATE = "bodywork cronjob update -n {namespace} --name={schedule} --image=REGISTRY/IMAGE:TAG"
_RUN = "bodywork cronjob run -n {namespace} {schedule}"
_NOT_STARTED = (
    r"(?:StartError|ContainerCannotRun|RunContainerError|CreateContainerError|runc create failed)"
)
_MORE = r"(?:\. (?:no new claims|preemption)\b.*)?\Z"
_NO_KEY = r"couldn't find key (?P<key>\S+) in Secret [^/\s]+/(?P<secret>[^,\s]+)"


def _cause(pattern: str, reason: str, hint: str, *, passes: bool) -> _Cause:
    return _Cause(re.compile(pattern), reason, hint, passes)


_CAUSES = (
    _cause(
        r"^Suspended",
        "the job is suspended",
        "whoever suspended it can let it start: kubectl -n {namespace} patch job {job} "
        '--type=merge -p \'{{"spec":{{"suspend":false}}}}\'',
        passes=True,
    ),
    _cause(r"^NoPod", "its pod has not been made yet", "", passes=True),
    _cause(r"^Starting", "its pod is being started; the image may be on its way", "", passes=True),
    _cause(
        r"InvalidImageName|InspectFailed",
        "the image's name is not valid: {image}",
        f"give another one: {_UPDATE}",
        passes=False,
    ),
    _cause(
        r"ErrImageNeverPull",
        "the image {image} is not on the node, and is never pulled",
        f"load it on the nodes, or give another one: {_UPDATE}",
        passes=True,
    ),
    _cause(
        rf"{_PULL}.*: [^:]*{_DENIED}[^:]*\Z",  # the last reason; images may be called anything
        "the image {image} cannot be pulled: {cause}",
        "is the name right? For a private registry: kubectl -n {namespace} create secret "
        "docker-registry NAME --docker-server=… --docker-username=… --docker-password=…; "
        f"kubectl -n {{namespace}} patch serviceaccount {CONTROLLER} "
        '-p \'{{"imagePullSecrets":[{{"name":"NAME"}}]}}\'; then start it anew: ' + _RUN,
        passes=False,
    ),
    _cause(
        _PULL,
        "the image {image} cannot be pulled: {cause}",
        f"is the name right, and is it pushed? Another one: {_UPDATE}; once it can be pulled, "
        f"start at once: {_RUN}",
        passes=True,
    ),
    _cause(
        r'secret "(?P<what>[^"]+)" not found',
        "the secret {what} is missing",
        "make it: bodywork secret create -n {namespace} --name={what} --data KEY=VALUE",
        passes=True,
    ),
    _cause(
        _NO_KEY,
        "the secret {secret} lacks the key {key}",
        "add it: bodywork secret update -n {namespace} --name={secret} --data {key}=VALUE",
        passes=True,
    ),
    _cause(
        r'configmap "(?P<what>[^"]+)" not found',
        "the ConfigMap {what} is missing",
        "make it, or take it out of the schedule: kubectl -n {namespace} edit cronjob {schedule}",
        passes=True,
    ),
    _cause(
        rf"executable file not found|{_NOT_STARTED}.*no such file",
        "the image {image} does not hold Bodywork: {cause}",
        f"build one that does (docs/stage.md), and give it: {_UPDATE}",
        passes=False,
    ),
    _cause(
        _NOT_STARTED,
        "the image {image} cannot be started: {cause}",
        f"try it: bodywork doctor -n {{namespace}} --image={{image}}; another one: {_UPDATE}",
        passes=False,
    ),
    _cause(
        r"exceeded quota: (?P<what>.*)",
        "the namespace's quota is exhausted: {what}",
        "see what uses it: kubectl -n {namespace} describe quota; it starts by itself as soon as "
        "there is room",
        passes=True,
    ),
    _cause(
        r"violates PodSecurity:? ?(?P<what>.*)",
        "Pod Security refuses its pod: {what}",
        "as Bodywork makes them, pods pass `restricted`: delete the schedule, create it anew",
        passes=False,
    ),
    _cause(
        r'serviceaccount "(?P<what>[^"]+)" not found',
        "the service account {what} is missing",
        "an administrator makes it: bodywork setup-namespace {namespace}; it starts by itself then",
        passes=True,
    ),
    _cause(
        rf"FailedScheduling: (?P<what>.*(?:selector|affinity|taint).*?){_MORE}",
        "no node is fit for it: {what}",
        "compare: kubectl get nodes --show-labels; kubectl -n {namespace} edit cronjob {schedule}",
        passes=True,
    ),
    _cause(
        rf"FailedScheduling: (?P<what>.*?){_MORE}",
        "no node has room for it: {what}",
        "see what fills them: kubectl describe nodes; it starts by itself as soon as there is room",
        passes=True,
    ),
    _cause(
        r"^(?:FailedMount|FailedAttachVolume): (?P<what>.*)",
        "a volume of its pod is not ready: {what}",
        "kubectl -n {namespace} describe pods -l job-name={job}",
        passes=True,
    ),
    _cause(
        r"^FailedCreate: (?:Error creating(?: job)?: )?(?P<what>.*)",
        "the cluster refuses it: {what}",
        "kubectl -n {namespace} describe job {job}",
        passes=True,
    ),
)
_OTHER = _cause(
    r"(?:^\w+: )?(?:Error: )?(?P<what>.*)",
    "{what}",
    "kubectl -n {namespace} describe pods -l job-name={job}",
    passes=True,
)
_OCI = re.compile(r'exec: "[^"]*": .*?(?=: unknown|\Z)')


def explain(text: str, names: Names) -> Obstacle:
    """Return what a text of Kubernetes, `REASON: message`, means, and what to do."""
    for cause in (*_CAUSES, _OTHER):
        if found := cause.pattern.search(text):
            return _filled(cause, found, text, names)
    return Obstacle(text, "", passes=True)


def _filled(cause: _Cause, found: re.Match[str], text: str, names: Names) -> Obstacle:
    values = {
        "namespace": names.namespace,
        "schedule": names.schedule,
        "job": names.job,
        "image": _image_in(text) or names.image or "of the schedule",
        "cause": _innermost(text),
        **found.groupdict(),
    }
    reason, hint = cause.reason.format(**values), cause.hint.format(**values)
    return Obstacle(" ".join(reason.split())[:_LONGEST], hint, cause.passes)


def _innermost(text: str) -> str:
    """Return the last reason of a chain such as `failed to pull: failed to resolve: not found`."""
    if oci := _OCI.search(text):
        return oci[0]
    return text.rpartition(": ")[2] or text


def _image_in(text: str) -> str:
    named = re.search(r'image "([^"]+)"', text)
    return named[1] if named else ""
