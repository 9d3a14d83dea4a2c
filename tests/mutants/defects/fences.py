"""After a take-over or a cancel has returned, no effect of the earlier controller can appear."""

from tests.mutants.mutant import Check, Mutant, caught_by

FENCES = "tests/bodywork/cluster/test_fences.py"
LATE = "test_nothing_of_the_first_controller_comes_after_the_second"
STORES = "tests/contract/test_stores.py"
CONFIG_MAPS = "tests/contract/test_configmap_store.py"
RUNNER = "tests/statemachine/test_runner.py"

MUTANTS = (
    Mutant(
        "no-tombstone",
        "who ends an attempt without a Job takes its name",
        "bodywork/cluster/jobs.py",
        "Jobs._call_off",
        "try:\n",
        "return None\n        try:\n",
        caught_by(FENCES, f"{LATE}[parallel-5-in-flight-cancel]"),
    ),
    Mutant(
        "no-ownership-asked-after-a-pause",
        "a controller asks whether the run is still its own before an effect after a pause",
        "bodywork/workflow/attempts.py",
        "_begin",
        "context.require_ownership()",
        "pass",
        caught_by(
            "tests/bodywork/workflow/test_runs.py",
            "test_a_controller_that_is_overtaken_while_it_pauses_begins_no_further_attempt",
        ),
    ),
    Mutant(
        "write-repeated-without-asking",
        "a write is repeated only by who still controls the run",
        "bodywork/cluster/client.py",
        "Client._pause",
        "self.require_ownership()",
        "pass",
        caught_by(FENCES, f"{LATE}[retried-5-paused-cancel]"),
    ),
    Mutant(
        "epoch-not-raised",
        "a take-over raises the epoch, which fences the controller before",
        "statemachine/runner.py",
        "Runner.take_over",
        "stored.checkpoint.epoch + 1",
        "stored.checkpoint.epoch",
        caught_by(RUNNER, "test_a_take_over_raises_the_epoch_and_fences_the_one_before"),
        "--set two --seed 1 --histories 20",
    ),
    Mutant(
        "epoch-not-checked",
        "a save of a controller that was overtaken says so",
        "statemachine/stores/rules.py",
        "check_save",
        "if head.epoch > checkpoint.epoch:",
        "if False:",
        Check(
            (
                f"{STORES}::TestFileStore::test_a_save_below_the_stored_epoch_is_fenced",
                f"{CONFIG_MAPS}::test_a_touch_does_not_hide_another_writer[2]",
            )
        ),
    ),
    Mutant(
        "epoch-not-checked-on-this-machine",
        "every change of the local engine is refused to who was overtaken",
        "statemachine/stores/file.py",
        "FileStore.guard",
        "if head.epoch > epoch():",
        "if False:",
        caught_by(
            "tests/statemachine/test_file_store.py",
            "test_a_guard_refuses_an_owner_whose_machine_was_taken_over",
        ),
    ),
    Mutant(
        "save-without-compare-and-swap",
        "only the version that was loaded is replaced",
        "statemachine/stores/rules.py",
        "check_save",
        "if head.version != expected:",
        "if False:",
        caught_by(STORES, "TestFileStore::test_a_stale_save_changes_nothing"),
    ),
    Mutant(
        "record-without-resource-version",
        "a record in a cluster is replaced by its resourceVersion alone",
        "statemachine/stores/configmap.py",
        "_identity",
        "left_out = (",
        'left_out = ("resourceVersion", ',
        caught_by(
            CONFIG_MAPS,
            "test_a_touch_does_not_hide_another_writer[1]",
            "TestConfigMapStore::test_of_many_savers_at_once_one_wins",
        ),
    ),
    Mutant(
        "sealed-record-written",
        "the record of a run that has ended is never changed",
        "statemachine/stores/rules.py",
        "check_save",
        "if head.sealed:",
        "if False:",
        caught_by(STORES, "TestFileStore::test_a_sealed_record_is_final"),
    ),
    Mutant(
        "record-not-sealed",
        "the end is sealed in the write that puts it on record",
        "statemachine/stores/configmap.py",
        "ConfigMapStore.save",
        'body["immutable"] = True',
        "pass",
        caught_by(CONFIG_MAPS, "TestConfigMapStore::test_a_sealed_record_is_final"),
    ),
    Mutant(
        "save-of-another-taken-for-ours",
        "after a lost answer, a save counts as made only if it is this writer's",
        "statemachine/saving.py",
        "_is_ours",
        "(found.sequence, found.writer) == (sent.sequence, sent.writer)",
        "found.sequence == sent.sequence",
        caught_by(RUNNER, "test_after_a_lost_answer_another_writer_of_our_epoch_is_a_conflict"),
    ),
    Mutant(
        "save-repeated-blindly",
        "after a lost answer it is looked before anything is written again",
        "statemachine/saving.py",
        "_surely",
        "uncertain = True",
        "uncertain = False",
        caught_by(RUNNER, "test_a_lost_answer_is_looked_up_and_the_write_made_exactly_once"),
    ),
)
