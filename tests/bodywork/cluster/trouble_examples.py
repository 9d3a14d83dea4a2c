"""What is in the way of stages, in the words of Kubernetes and of container runtimes."""

PULLS = ("ErrImagePull", "ImagePullBackOff")
RESOLVE = (
    'rpc error: code = {} desc = failed to pull and unpack image "r.example/shop/train:1": failed '
    'to resolve reference "r.example/shop/train:1": {}'
)
TRANSIENT = (
    RESOLVE.format(
        "Unknown",
        "unexpected status from HEAD request to https://r.example/v2/x/manifests/1: "
        "429 Too Many Requests - Server message: toomanyrequests: You have reached your "
        "unauthenticated pull rate limit.",
    ),
    RESOLVE.format(
        "Unknown",
        "failed to authorize: failed to fetch oauth token: unexpected status from GET request to "
        "https://auth.example/token?scope=x: 503 Service Unavailable",
    ),
    RESOLVE.format(
        "Unknown", 'failed to do request: Head "https://r.example/v2/": dial tcp: i/o timeout'
    ),
    RESOLVE.format(
        "Unknown",
        'failed to do request: Head "https://r.example/v2/x": dial tcp: lookup r.example on '
        "10.96.0.10:53: no such host",
    ),
    RESOLVE.format(
        "Unknown",
        'failed to do request: Head "https://r.example/v2/": dial tcp 10.0.0.1:443: connect: '
        "connection refused",
    ),
    RESOLVE.format(
        "Unknown", 'failed to do request: Head "https://r": net/http: TLS handshake timeout'
    ),
    RESOLVE.format("DeadlineExceeded", "context deadline exceeded"),
    "received unexpected HTTP status: 502 Bad Gateway",
    "lookup r.example on 10.96.0.10:53: server misbehaving",
    'Get "https://r.example/v2/": net/http: request canceled while waiting for connection',
    "read tcp 10.0.0.1:1->10.0.0.2:443: read: connection reset by peer",
    "429 Too Many Requests - Server message: toomanyrequests",
    "dial tcp: lookup r.example: i/o timeout",
)
NO_IMAGE = (
    RESOLVE.format("NotFound", "r.example/shop/train:1: not found"),
    "manifest for shop:1 not found: manifest unknown: manifest unknown",
    "reading manifest 1 in r.example/shop: manifest unknown",
    "reading manifest latest in r.example/shop: name unknown: repository not found",
    (
        'rpc error: code = NotFound desc = failed to pull and unpack image "r/x": no match for '
        "platform in manifest: not found"
    ),
    RESOLVE.format(
        "Unknown",
        "pull access denied, repository does not exist or may require authorization: server "
        "message: insufficient_scope: authorization failed",
    ),
)
NO_ACCESS = (
    RESOLVE.format(
        "Unknown",
        "failed to authorize: failed to fetch anonymous token: unexpected status from GET request "
        "to https://r.example/token?x: 401 Unauthorized",
    ),
    RESOLVE.format(
        "Unknown", "unexpected status from HEAD request to https://r.example: 403 Forbidden"
    ),
    "unable to retrieve auth token: invalid username/password: unauthorized: not logged in",
    'denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource',
    "no basic auth credentials",
)
UNKNOWN = ("", "short read: expected 5 bytes but got 3", 'Back-off pulling image "r.example/x:1"')
CREATE = 'Error creating: pods "p-" is forbidden: '

Example = tuple[str, str, str, str]
"""The title of the row that has to decide; the fact's kind, reason and message."""
EXAMPLES: list[Example] = [
    *(
        (title, "waiting", reason, message)
        for reason in PULLS
        for title, messages in (
            ("a pull fails for now: rate limit, time-out, 5xx, DNS, connection refused", TRANSIENT),
            ("there is no such image", NO_IMAGE),
            ("the registry does not let it be pulled", NO_ACCESS),
            ("a pull fails for another reason, or none is told", UNKNOWN),
        )
        for message in messages
    ),
    (
        "the image's name is not valid",
        "waiting",
        "InvalidImageName",
        (
            'Failed to apply default image tag "A:b": couldn\'t parse image name "A:b": invalid '
            "reference format: repository name (library/A) must be lowercase"
        ),
    ),
    (
        "the image may not be pulled, and is not on the node",
        "waiting",
        "ErrImageNeverPull",
        'Container image "x" is not present with pull policy of Never',
    ),
    ("the image's signature is not valid", "waiting", "SignatureValidationFailed", "no"),
    ("a secret is missing", "waiting", "CreateContainerConfigError", 'secret "store" not found'),
    (
        "a secret lacks a key",
        "waiting",
        "CreateContainerConfigError",
        "couldn't find key USER in Secret shop/store",
    ),
    (
        "a ConfigMap is missing, or lacks a key",
        "waiting",
        "CreateContainerConfigError",
        'configmap "settings" not found',
    ),
    (
        "the image wants to run as root",
        "waiting",
        "CreateContainerConfigError",
        "container has runAsNonRoot and image will run as root (pod: …, container: stage)",
    ),
    (
        "the image does not hold Bodywork",
        "waiting",
        "RunContainerError",
        (
            "failed to create containerd task: failed to create shim task: OCI runtime create "
            'failed: runc create failed: unable to start container process: exec: "bodywork": '
            "executable file not found in $PATH: unknown"
        ),
    ),
    (
        "the kubelet cannot read what the container needs, as yet",
        "waiting",
        "CreateContainerConfigError",
        "failed to sync secret cache: timed out waiting for the condition",
    ),
    (
        "the kubelet or its runtime cannot make the container, as yet",
        "waiting",
        "CreateContainerError",
        'failed to reserve container name "stage_x_0": name "stage_x_0" is reserved for "5ab"',
    ),
    (
        "the kubelet or its runtime cannot make the container, as yet",
        "waiting",
        "CreateContainerError",
        "context deadline exceeded",
    ),
    (
        "the runtime cannot start the container, as yet",
        "waiting",
        "RunContainerError",
        "context deadline exceeded",
    ),
    (
        "the container ends again and again",
        "waiting",
        "CrashLoopBackOff",
        "back-off 5m0s restarting failed container=stage pod=p_shop(1)",
    ),
    (
        "a container that others put into the pod does not start",
        "beside",
        "istio-init ImagePullBackOff",
        'Back-off pulling image "istio/proxyv2"',
    ),
    (
        "the pod is held back by a gate (a queue such as Kueue)",
        "unscheduled",
        "SchedulingGated",
        "Scheduling is blocked due to non-empty scheduling gates",
    ),
    (
        "no node has room, or none is fit",
        "unscheduled",
        "Unschedulable",
        "0/3 nodes are available: 3 Insufficient cpu.",
    ),
    (
        "the pod's node does not answer",
        "silent",
        "node-7",
        "Node node-7 which was running pod p is unresponsive",
    ),
    ("a pod that has to end does not, as on a dead node", "stuck", "pod p on node node-7", ""),
    *(
        (
            "the pod is taken away: evicted, drained, preempted, its node shut down or lost",
            "taken",
            reason,
            "told",
        )
        for reason in (
            "EvictionByEvictionAPI",
            "PreemptionByScheduler",
            "DeletionByTaintManager",
            "DeletionByPodGC",
            "TerminationByKubelet",
        )
    ),
    ("somebody deletes a service's pod, or scales the service down", "deleted", "", ""),
    (
        "the node ran out of memory, disk or processes",
        "failed",
        "Evicted",
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 3Mi.",
    ),
    (
        "the kubelet refuses the pod that the scheduler gave it",
        "failed",
        "OutOfcpu",
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 1500",
    ),
    (
        "the kubelet refuses the pod that the scheduler gave it",
        "failed",
        "UnexpectedAdmissionError",
        "Pod was rejected: Allocate failed due to no healthy devices present",
    ),
    (
        "the kubelet has given the pod up",
        "failed",
        "Terminated",
        "Pod was terminated in response to imminent node shutdown.",
    ),
    ("the container was lost, as by a restart of its node", "lost", "exit code 255", ""),
    *(
        ("a quota is used up: of Jobs, pods, CPU or memory", "refused", "", message)
        for message in (
            CREATE + "exceeded quota: few, requested: pods=1, used: pods=5, limited: pods=5",
            CREATE + "exceeded quota: few, requested: requests.cpu=2, used: requests.cpu=3, "
            "limited: requests.cpu=4",
            CREATE + "exceeded quota: few, requested: limits.memory=2Gi, used: limits.memory=3Gi, "
            "limited: limits.memory=4Gi",
            (
                'jobs.batch "x" is forbidden: exceeded quota: small, requested: '
                "count/jobs.batch=1, used: count/jobs.batch=5, limited: count/jobs.batch=5"
            ),
        )
    ),
    (
        "a quota wants limits or requests, which the stage does not have",
        "refused",
        "",
        CREATE + "failed quota: few: must specify limits.cpu for: stage; limits.memory for: stage",
    ),
    *(
        ("a LimitRange forbids the requests", "refused", "", message)
        for message in (
            CREATE + "maximum memory usage per Container is 1Gi, but request is 2Gi",
            CREATE + "[minimum cpu usage per Container is 100m, but request is 50m, maximum cpu "
            "usage per Pod is 1, but request is 2]",
            CREATE
            + "memory max limit to request ratio per Container is 2, but provided ratio is 4",
            (
                'Error creating: Pod "p" is invalid: spec.containers[0].resources.requests: '
                'Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi'
            ),
        )
    ),
    (
        "Pod Security refuses the pod",
        "refused",
        "",
        CREATE + 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
    ),
    (
        "OpenShift's constraints refuse the pod's user id",
        "refused",
        "",
        CREATE + "unable to validate against any security context constraint: [provider "
        '"anyuid": Forbidden: not usable by user or serviceaccount, provider restricted-v2: '
        ".containers[0].runAsUser: Invalid value: 10001: must be in the ranges: "
        "[1000680000, 1000689999]]",
    ),
    (
        "the stages' service account is missing",
        "refused",
        "",
        CREATE + 'error looking up service account shop/x: serviceaccount "x" not found',
    ),
    *(
        ("an admission policy refuses the pod, or its server does not answer", "refused", "", text)
        for text in (
            'Error creating: admission webhook "policy" denied the request: no',
            (
                'Error creating: Internal error occurred: failed calling webhook "policy": Post '
                '"https://policy.kyverno.svc:443/mutate": context deadline exceeded'
            ),
        )
    ),
    ("somebody has paused the service's Deployment", "paused", "shop--serve", ""),
    ("somebody has scaled the service to 0", "unscaled", "shop--serve", ""),
]
