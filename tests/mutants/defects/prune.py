"""What a live version, a claim or an unfinished run needs is never removed."""

from tests.mutants.mutant import Mutant, caught_by

MUTANTS = (
    Mutant(
        "snapshot-of-a-live-version-dropped",
        "a snapshot that a version starts from lives as long as the version",
        "bodywork/cluster/deployments.py",
        "Deployments.settle",
        "kept = {*keep, annotation(deployment, labels.ACCEPTED), version_of(deployment)}",
        "kept = set(keep)",
        caught_by(
            "tests/bodywork/cluster/test_claims.py",
            "test_what_the_accepted_version_starts_from_is_kept_whatever_others_change",
        ),
    ),
    Mutant(
        "snapshot-of-a-running-claim-dropped",
        "who tidies up late drops nothing of the run that has the claim",
        "bodywork/cluster/deployments.py",
        "Deployments.settle",
        "if holder_of(deployment) not in (None, attempt.run):",
        "if False:",
        caught_by(
            "tests/bodywork/cluster/test_claims.py",
            "test_what_the_roll_back_of_a_running_claim_needs_is_kept_whatever_others_change",
        ),
    ),
    Mutant(
        "files-of-a-roll-back-removed",
        "files that a roll-back needs outlive the record of their run",
        "bodywork/local/services.py",
        "Services.forget",
        'claim.previous if claim else ""',
        '""',
        caught_by(
            "tests/bodywork/local/test_claims.py",
            "test_files_that_a_roll_back_needs_outlive_the_record_of_their_run",
        ),
    ),
    Mutant(
        "live-service-removed",
        "forgetting a run keeps its live service",
        "bodywork/local/services.py",
        "Services.forget",
        "*_live_id(service), ",
        "",
        caught_by(
            "tests/bodywork/local/test_services.py", "test_forgetting_a_run_keeps_its_live_service"
        ),
    ),
    Mutant(
        "unfinished-run-pruned",
        "only runs that have ended are forgotten",
        "bodywork/workflow/execute.py",
        "Controller.prune",
        "if each.state in lifecycle.TERMINAL:",
        "if each.state:",
        caught_by(
            "tests/bodywork/workflow/test_runs.py",
            "test_a_run_that_goes_on_and_the_one_that_it_continues_are_not_forgotten",
        ),
    ),
    Mutant(
        "continued-run-pruned",
        "a run that an unfinished one goes on from is kept",
        "bodywork/workflow/execute.py",
        "Controller.prune",
        "if each.id not in needed",
        "if each.id",
        caught_by(
            "tests/bodywork/workflow/test_runs.py",
            "test_a_run_that_goes_on_and_the_one_that_it_continues_are_not_forgotten",
        ),
    ),
    Mutant(
        "own-run-forgotten-where-the-clock-is-behind",
        "the run that a controller has just ended stays on record",
        "bodywork/workflow/execute.py",
        "Controller.prune",
        "needed = set(self._carried)",
        "needed: set[str] = set()",
        caught_by(
            "tests/bodywork/workflow/test_runs.py",
            "test_the_end_of_a_run_does_not_forget_it_where_the_clock_is_behind",
        ),
    ),
)
