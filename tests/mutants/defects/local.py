"""The engine of this machine, and the records that it keeps."""

from tests.mutants.mutant import Mutant, caught_by

CLAIMS = "tests/bodywork/local/test_claims.py"
FILES = "tests/statemachine/test_file_store.py"
JOBS = "tests/bodywork/local/test_jobs.py"

MUTANTS = (
    Mutant(
        "service-not-locked",
        "two controllers never change a service of this machine at once",
        "bodywork/local/claims.py",
        "locked",
        "fcntl.flock(descriptor, fcntl.LOCK_EX)",
        "pass",
        caught_by(CLAIMS, "test_one_change_of_a_service_at_a_time"),
    ),
    Mutant(
        "record-not-locked",
        "processes that save at once never overwrite each other",
        "statemachine/stores/locks.py",
        "try_lock",
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        caught_by(FILES, "test_processes_that_save_at_once_never_overwrite_each_other"),
    ),
    Mutant(
        "lock-that-guards-nothing",
        "a lock on a file that was deleted meanwhile is not taken for one",
        "statemachine/stores/locks.py",
        "_is_at",
        "return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)",
        "return bool(named and held)",
        caught_by(FILES, "test_a_lock_on_a_file_that_was_replaced_meanwhile_is_not_taken_for_one"),
    ),
    Mutant(
        "renamed-before-it-is-on-the-disk",
        "at any instant there is one whole checkpoint on the disk",
        "statemachine/stores/disk.py",
        "replace",
        "_write(temporary, raw)\n        os.replace(temporary, path)",
        "temporary.touch()\n        os.replace(temporary, path)\n        _write(path, raw)",
        caught_by(
            FILES, "test_a_save_that_is_killed_at_any_system_call_leaves_the_old_or_the_new_record"
        ),
    ),
    Mutant(
        "not-flushed",
        "a checkpoint is on the disk before the old one goes",
        "statemachine/stores/disk.py",
        "_write",
        "os.fsync(descriptor)",
        "pass",
        caught_by(FILES, "test_a_save_makes_two_fsyncs_and_one_rename"),
    ),
    Mutant(
        "attempt-claimed-twice",
        "an attempt on this machine is started exactly once",
        "bodywork/local/supervisor/files.py",
        "claim",
        "os.O_CREAT | os.O_EXCL |",
        "os.O_CREAT |",
        caught_by(JOBS, "test_of_many_that_claim_an_attempt_one_may_begin_with_it"),
    ),
    Mutant(
        "stopped-attempt-not-claimed",
        "what a killed controller still asked for never starts after a stop",
        "bodywork/local/processes.py",
        "stop",
        "files.claim(str(folder))",
        "pass",
        caught_by(JOBS, "test_what_a_killed_controller_still_asked_for_never_starts_after_a_stop"),
    ),
    Mutant(
        "started-without-the-guard",
        "a controller that was overtaken starts nothing",
        "bodywork/local/engine.py",
        "LocalEngine.ensure_job",
        "with self._guard(attempt.run):",
        "if True:",
        caught_by(JOBS, "test_a_controller_that_was_overtaken_starts_and_stops_nothing"),
    ),
    Mutant(
        "owner-known-by-process-id-alone",
        "another process that has the id of a dead controller is not taken for it",
        "statemachine/processes.py",
        "has_ended",
        "return seen[0] in _ENDED or seen[1] != start",
        "return seen[0] in _ENDED",
        caught_by(
            "tests/statemachine/test_processes.py",
            "test_a_process_that_has_the_same_id_is_another_one",
        ),
    ),
    Mutant(
        "stage-known-by-process-id-alone",
        "no process of others is ended for a stage whose supervisor has died",
        "bodywork/local/processes.py",
        "_end_orphans",
        'and files.started_at(pid) == status.get("pid_started_at")',
        "",
        caught_by(JOBS, "test_a_process_that_has_the_id_of_a_lost_stage_by_now_goes_on"),
    ),
    Mutant(
        "stage-known-after-a-boot",
        "a process of the next boot is not taken for a stage of the one before",
        "bodywork/local/supervisor/files.py",
        "started_at",
        "return identify(pid)",
        'return identify(pid).rpartition("/")[2]',
        caught_by(JOBS, "test_a_process_that_has_the_id_of_a_lost_stage_by_now_goes_on[{ticks}]"),
    ),
    Mutant(
        "ended-before-the-switch",
        "the live version answers until the next one takes its place",
        "bodywork/local/services.py",
        "Services._ensure",
        "folder = self._folders.version(attempt)",
        "folder = self._folders.version(attempt)\n"
        "        from bodywork.local.leftovers import versions\n"
        "        for other in versions(folder.parent.parent):\n"
        "            if other != folder:\n"
        "                processes.stop(other)",
        caught_by(
            "tests/bodywork/local/test_services.py",
            "test_the_live_version_answers_until_the_new_one_is_accepted",
        ),
    ),
)
