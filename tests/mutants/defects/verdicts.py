"""What pods and Jobs say of a stage."""

from tests.mutants.mutant import Mutant, caught_by

MUTANTS = (
    Mutant(
        "eviction-is-a-crash",
        "a pod that the cluster takes away costs a version nothing",
        "bodywork/cluster/rollouts.py",
        "_was_ended_by_others",
        "return has_ended(pod) or is_being_deleted(pod) or was_taken(pod)",
        "return has_ended(pod) and was_taken(pod)",
        caught_by(
            "tests/bodywork/cluster/test_rollouts.py",
            "test_pods_that_others_take_away_are_no_crash_in_any_order",
        ),
    ),
    Mutant(
        "evicted-pod-is-the-scripts-failure",
        "a pod that the cluster takes away costs a stage no try",
        "bodywork/cluster/verdicts.py",
        "_judge_pods",
        "[pod for pod in pods if not was_taken(pod)]",
        "list(pods)",
        caught_by(
            "tests/bodywork/cluster/test_verdicts.py",
            "test_a_pod_that_the_cluster_took_away_does_not_count",
        ),
    ),
    Mutant(
        "transient-pull-is-final",
        "a registry that is busy is waited for",
        "bodywork/cluster/trouble_rows.py",
        "",
        'rf"{_PULL}.*(?:{_TRANSIENT})",\n        Wait.BRIEFLY,',
        'rf"{_PULL}.*(?:{_TRANSIENT})",\n        Wait.NO,',
        caught_by(
            "tests/bodywork/cluster/test_verdicts_of_jobs.py",
            "test_what_mostly_passes_is_waited_for_and_then_costs_a_try",
        ),
    ),
    Mutant(
        "crash-loop-is-ready",
        "a version that has crashed is no good, also while it seems available",
        "bodywork/cluster/rollouts.py",
        "judge_rollout",
        "ended = restarted(pod) or ending(pod)",
        "ended = None",
        caught_by(
            "tests/bodywork/cluster/test_rollouts.py",
            "test_a_version_that_has_crashed_is_no_good_also_while_it_seems_available",
        ),
    ),
    Mutant(
        "scaled-to-nothing-is-ready",
        "a version of which nothing runs is not ready",
        "bodywork/cluster/rollouts.py",
        "answering",
        "bool(_wanted(deployment)) and",
        "True and",
        caught_by(
            "tests/bodywork/cluster/test_rollouts.py",
            "test_ready_needs_every_replica_that_is_wanted_and_one_at_least",
        ),
    ),
    Mutant(
        "vanished-job-is-done",
        "a stage that vanished is lost, never done",
        "bodywork/workflow/progress.py",
        "record",
        'Phase.ABSENT: "lost"',
        'Phase.ABSENT: "succeeded"',
        caught_by(
            "tests/bodywork/workflow/test_runs.py", "test_a_job_that_vanished_is_lost_never_done"
        ),
    ),
    Mutant(
        "name-taken-by-another-object",
        "an object that took the name of ours is not taken for ours",
        "bodywork/workflow/progress.py",
        "record",
        "if attempt.uid and seen.uid and attempt.uid != seen.uid:",
        "if False:",
        caught_by(
            "tests/bodywork/workflow/test_runs.py",
            "test_an_object_that_took_the_name_of_ours_is_not_taken_for_ours",
        ),
    ),
    Mutant(
        "revisions-sorted-as-texts",
        "the tenth deployment rolls back to the ninth",
        "bodywork/cluster/versions.py",
        "_revision",
        'return int(annotation(replica_set, "deployment.kubernetes.io/revision") or 0)',
        'return annotation(replica_set, "deployment.kubernetes.io/revision")  # type: ignore',
        caught_by(
            "tests/bodywork/cluster/test_claims.py",
            "test_of_many_versions_the_newest_two_can_come_back_in_the_order_of_numbers",
        ),
    ),
)
