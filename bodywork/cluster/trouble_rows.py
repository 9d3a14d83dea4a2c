"""What can be in the way of a stage, and what becomes of it: one table, and pure.

A fact about an object is written as one line, `KIND REASON: message`, in Kubernetes' own words. The
first row whose pattern is found in it decides whether it is waited for, and what the user is told.
Only what is known to be hopeless is final; what nobody has foreseen is waited for, within bounds.

| kind | fact |
|---|---|
| `waiting` | what the stage's container waits for |
| `beside` | the same of a container that somebody else has put into the pod |
| `unscheduled` | why the scheduler finds no node |
| `refused` | why a pod was not made: an event, or a Deployment's condition |
| `taken` | the cluster takes the pod away (its condition `DisruptionTarget`) |
| `deleted` | somebody deletes the pod |
| `silent` | the pod's node does not answer |
| `stuck` | nobody has ended the pod, although everybody was asked |
| `failed` | the kubelet has given the pod up |
| `lost` | the container has ended, and nobody saw how |
| `paused`, `unscaled` | what somebody did to the Deployment |
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Wait(StrEnum):
    """How long something is waited for, as the documentation calls it."""

    NO = "not at all"
    BRIEFLY = "5 minutes"
    IN_TIME = "the stage's time"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    Attributes:
        title: what is seen, for the documentation.
        pattern: searched in the fact; its named groups fill the templates.
        wait: how long it is waited for.
        reason: what the user is told; `{message}` is Kubernetes' own message.
        hint: a template as well.
        bare: whether names in the message (images, addresses) are left out before it is searched:
            an image may be called `timeout`.
    """

    title: str
    pattern: re.Pattern[str]
    wait: Wait
    reason: str
    hint: str = ""
    bare: bool = False


def _row(
    title: str, pattern: str, wait: Wait, reason: str, hint: str = "", *, bare: bool = False
) -> Row:
    return Row(title, re.compile(pattern, re.IGNORECASE), wait, reason, hint, bare)


_PULL = r"^waiting (?:ErrImagePull|ImagePullBackOff|RegistryUnavailable)\b"
_TRANSIENT = (
    r"toomanyrequests|too many requests|\b429\b|rate limit|rate exceeded|time-?out\b|timed out"
    r"|deadline exceeded|\b5\d\d (?:internal|bad|service|gateway|server)|status(?: code)?:? 5\d\d"
    r"|service unavailable|bad gateway|no such host|server misbehaving|temporary failure"
    r"|connection re(?:fused|set)|connection timed|no route to host|network is unreachable"
    r"|unexpected EOF|request canceled|\bEOF\Z|no space left"
)
_NO_IMAGE = (
    r"manifest unknown|manifest .*not found|name unknown|repository .*(?:does not exist|not found)"
    r"|no match for platform|no matching manifest|:\s*not found\Z|code = NotFound|invalid reference"
)
_NO_ACCESS = (
    r"unauthori[sz]ed|authorization failed|access denied|\bdenied\b|\b403 forbidden|forbidden\Z"
    r"|authentication required|no basic auth credentials|insufficient_scope"
)
_START = r"^waiting (?:CreateContainer|RunContainer)\w*Error\b"
_RANGE = (
    "set CPU_REQUEST and MEMORY_REQUEST_MB to what the namespace allows: "
    "kubectl -n NAMESPACE describe limitrange"
)
_DOCTOR = "is the name right, and is it pushed? bodywork doctor --image IMAGE"
_RESTRICTED = (
    "as Bodywork makes them, pods pass `restricted`: what adds to them (a webhook, a sidecar)?"
)
_NODE = (
    "is the node alive? kubectl get nodes; once it is known to be gone for good, an administrator "
    "removes it: kubectl delete node NAME"
)

ROWS = (
    # -- the image ------------------------------------------------------------------------------
    _row(
        "the image's name is not valid",
        r"^waiting InvalidImageName\b",
        Wait.NO,
        "the image's name is not valid: {message}",
        "DOCKER_IMAGE in bodywork.ini",
    ),
    _row(
        "the image may not be pulled, and is not on the node",
        r"^waiting ErrImageNeverPull\b",
        Wait.NO,
        "the image is not on the node, and is never pulled: {message}",
    ),
    _row(
        "the image's signature is not valid",
        r"^waiting SignatureValidationFailed\b",
        Wait.NO,
        "the image's signature is not valid: {message}",
    ),
    _row(
        "a pull fails for now: rate limit, time-out, 5xx, DNS, connection refused",
        rf"{_PULL}.*(?:{_TRANSIENT})",
        Wait.BRIEFLY,
        "the image cannot be pulled: {message}",
        "nothing, where it passes; is the registry's name right? bodywork doctor --image IMAGE",
        bare=True,
    ),
    _row(
        "there is no such image",
        rf"{_PULL}.*(?:{_NO_IMAGE})",
        Wait.NO,
        "the image cannot be pulled: {message}",
        _DOCTOR,
        bare=True,
    ),
    _row(
        "the registry does not let it be pulled",
        rf"{_PULL}.*(?:{_NO_ACCESS})",
        Wait.NO,
        "the image cannot be pulled: {message}",
        "is the name right? A private registry needs an image pull secret at the service account "
        "bodywork-jobs-and-deployments",
        bare=True,
    ),
    _row(
        "a pull fails for another reason, or none is told",
        _PULL,
        Wait.BRIEFLY,
        "the image cannot be pulled: {message}",
        _DOCTOR,
    ),
    # -- the container --------------------------------------------------------------------------
    _row(
        "a secret is missing",
        rf'{_START}: secret "(?P<secret>[^"]+)" not found',
        Wait.NO,
        "its container cannot be configured: {message}",
        "bodywork secret create --name={secret} --data KEY=VALUE",
    ),
    _row(
        "a secret lacks a key",
        rf"{_START}: couldn't find key (?P<key>\S+) in Secret (?P<space>[^/\s]+)/(?P<secret>\S+)",
        Wait.NO,
        "its container cannot be configured: {message}",
        "bodywork secret update -n {space} --name={secret} --data {key}=…",
    ),
    _row(
        "a ConfigMap is missing, or lacks a key",
        rf'{_START}: (?:configmap "[^"]+" not found|couldn\'t find key \S+ in ConfigMap)',
        Wait.NO,
        "its container cannot be configured: {message}",
        "Bodywork names none: what adds to its pods (a webhook)?",
    ),
    _row(
        "the image wants to run as root",
        rf"{_START}: .*runAsNonRoot",
        Wait.NO,
        "its container cannot be configured: {message}",
    ),
    _row(
        "the image does not hold Bodywork",
        rf'{_START}: .*exec: "[^"]*": '
        r"(?:.*executable file not found|stat .*no such file|permission denied)",
        Wait.NO,
        "its container cannot be started: {message}",
        "docs/stage.md says what an image must hold",
    ),
    _row(
        "the kubelet cannot read what the container needs, as yet",
        r"^waiting CreateContainerConfigError\b",
        Wait.BRIEFLY,
        "its container cannot be configured: {message}",
    ),
    _row(
        "the kubelet or its runtime cannot make the container, as yet",
        r"^waiting (?:CreateContainerError|PreCreateHookError|ImageInspectError)\b",
        Wait.BRIEFLY,
        "its container cannot be made: {message}",
    ),
    _row(
        "the runtime cannot start the container, as yet",
        r"^waiting (?:RunContainerError|PreStartHookError)\b",
        Wait.BRIEFLY,
        "its container cannot be started: {message}",
    ),
    _row(
        "the container ends again and again",
        r"^waiting CrashLoopBackOff\b",
        Wait.IN_TIME,
        "it ends again and again: {message}",
    ),
    _row(
        "a container that others put into the pod does not start",
        r"^beside (?P<name>\S+) (?P<why>\w+)",
        Wait.IN_TIME,
        "container {name}, which others put into its pod, does not start: {message}",
        "ask who injects it; without it: the annotation or label that turns the injection off",
    ),
    # -- the node -------------------------------------------------------------------------------
    _row(
        "the pod is held back by a gate (a queue such as Kueue)",
        r"^unscheduled SchedulingGated\b",
        Wait.IN_TIME,
        "its pod is held back: {message}",
    ),
    _row(
        "no node has room, or none is fit",
        r"^unscheduled\b",
        Wait.IN_TIME,
        "no node has room for it: {message}",
        "smaller requests, or larger nodes: kubectl describe nodes",
    ),
    _row(
        "the pod's node does not answer",
        r"^silent (?P<node>[^\s:]*)",
        Wait.IN_TIME,
        "its node {node} does not answer: {message}",
        _NODE,
    ),
    _row(
        "a pod that has to end does not, as on a dead node",
        r"^stuck (?P<what>.*):",
        Wait.BRIEFLY,
        "{what} does not end: it may still run there",
        _NODE,
    ),
    _row(
        "the pod is taken away: evicted, drained, preempted, its node shut down or lost",
        r"^taken (?P<why>\w*)",
        Wait.IN_TIME,
        "the cluster takes its pod away ({why}); another one follows: {message}",
    ),
    _row(
        "somebody deletes a service's pod, or scales the service down",
        r"^deleted\b",
        Wait.IN_TIME,
        "its pod is being deleted",
    ),
    _row(
        "the node ran out of memory, disk or processes",
        r"^failed Evicted\b",
        Wait.IN_TIME,
        "evicted: {message}",
    ),
    _row(
        "the kubelet refuses the pod that the scheduler gave it",
        r"^failed (?P<why>OutOf\w+|UnexpectedAdmissionError|NodeAffinity|NodeShutdown|Preempting)",
        Wait.IN_TIME,
        "its node refused it ({why}): {message}",
    ),
    _row(
        "the kubelet has given the pod up",
        r"^failed (?P<why>\w*)",
        Wait.IN_TIME,
        "{message}",
    ),
    _row(
        "the container was lost, as by a restart of its node",
        r"^lost\b",
        Wait.IN_TIME,
        "its node lost the container ({message}): was it restarted?",
    ),
    # -- the namespace --------------------------------------------------------------------------
    _row(
        "a quota is used up: of Jobs, pods, CPU or memory",
        r"^refused\b.*exceeded quota[ :]*(?P<what>.*)",
        Wait.IN_TIME,
        "the namespace's quota is exhausted: {what}",
        "free something, or have it raised: kubectl -n NAMESPACE describe quota",
    ),
    _row(
        "a quota wants limits or requests, which the stage does not have",
        r"^refused\b.*failed quota[ :]*(?P<what>.*)",
        Wait.NO,
        "the namespace's quota wants more to be said: {what}",
        "CPU_REQUEST and MEMORY_REQUEST_MB; for limits an administrator adds a LimitRange with "
        "defaults",
    ),
    _row(
        "a LimitRange forbids the requests",
        r"^refused\b.*?(?P<what>(?:minimum|maximum) \S+ usage per \w+ is.*|\S+ max limit to request"
        r" ratio per.*|must be less than or equal to \S+ limit.*)",
        Wait.NO,
        "the namespace's limits forbid it: {what}",
        _RANGE,
    ),
    _row(
        "Pod Security refuses the pod",
        r"^refused\b.*violates PodSecurity[ :]*(?P<what>.*)",
        Wait.NO,
        "Pod Security refuses it: {what}",
        _RESTRICTED,
    ),
    _row(
        "OpenShift's constraints refuse the pod's user id",
        r"^refused\b.*unable to validate against any security context constraint[ :]*(?P<what>.*)",
        Wait.NO,
        "OpenShift's security context constraints refuse it: {what}",
        "pods of Bodywork run as user 10001; an administrator permits that: oc adm policy "
        "add-scc-to-user nonroot-v2 -z bodywork-jobs-and-deployments -n NAMESPACE",
    ),
    _row(
        "the stages' service account is missing",
        r"^refused\b.*serviceaccount.*not found",
        Wait.NO,
        "the namespace is not set up for Bodywork: a service account is missing",
        "bodywork setup-namespace NAMESPACE",
    ),
    _row(
        "an admission policy refuses the pod, or its server does not answer",
        r"^refused\b",
        Wait.IN_TIME,
        "the cluster refuses its pod: {message}",
    ),
    # -- the Deployment -------------------------------------------------------------------------
    _row(
        "somebody has paused the service's Deployment",
        r"^paused (?P<name>[^\s:]+)",
        Wait.IN_TIME,
        "somebody has paused the Deployment {name}: nothing is rolled out",
        "kubectl -n NAMESPACE rollout resume deployment/{name}",
    ),
    _row(
        "somebody has scaled the service to 0",
        r"^unscaled (?P<name>[^\s:]+)",
        Wait.IN_TIME,
        "the Deployment {name} is scaled to 0 replicas: no version can be seen to answer",
        "kubectl -n NAMESPACE scale deployment/{name} --replicas=1",
    ),
)
