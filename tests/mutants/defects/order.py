"""What is going to be done is on record before it is done; what is said was saved before."""

from tests.mutants.mutant import Mutant, caught_by

CRASHES = "tests/bodywork/workflow/test_crashes.py"
HOOKS = "tests/statemachine/test_hooks.py"
PLAN = "tests/bodywork/workflow/test_plan.py"
SOURCE = "tests/bodywork/workflow/test_source.py::test_a_moved_branch_never_mixes_commits"

MUTANTS = (
    Mutant(
        "shared-code-forgotten",
        "a stage is reused only where all that it can read is unchanged",
        "bodywork/workflow/definitions.py",
        "render_stage",
        'raw["shared_id"] = stage.shared_id',
        "pass",
        caught_by(PLAN, "test_changed_shared_files_run_a_stage_again_and_are_named"),
    ),
    Mutant(
        "link-not-followed",
        "what links of a stage lead to is a part of what it can read",
        "bodywork/model/tree.py",
        "Tree.digest",
        "self._add_link_targets(roots)",
        "pass",
        caught_by("tests/bodywork/model/test_tree.py", "test_a_link_into_another_stage_counts"),
    ),
    Mutant(
        "folder-of-this-machine-as-submodule",
        "a server's repository names no folder of this machine",
        "bodywork/git/submodules.py",
        "_parse_address",
        'if found.kind == "file" and not base.allows_folders:',
        "if False:",
        caught_by(
            "tests/bodywork/git/test_submodules.py",
            "test_a_repository_of_a_server_names_no_folder_of_this_machine",
        ),
    ),
    Mutant(
        "effect-before-save",
        "an attempt is on record before anything is started for it",
        "bodywork/workflow/handlers.py",
        "_start",
        "render_progress(intended)",
        "render_progress(attempts.reconcile(context, intended, names))",
        caught_by(CRASHES, "test_a_run_can_be_cancelled_wherever_its_controller_died[retried]"),
    ),
    Mutant(
        "claim-not-on-record-first",
        "a claim is on record before anything is changed under it",
        "bodywork/workflow/handlers.py",
        "on_running",
        "if claimed != progress:",
        "if claimed != progress:\n        claimed = attempts.reconcile(context, claimed, names)\n"
        "    if claimed != progress:",
        caught_by(CRASHES, "test_a_run_can_be_cancelled_wherever_its_controller_died[rolled_back]"),
    ),
    Mutant(
        "source-published-before-its-commit",
        "the commit is on record before its source is published",
        "bodywork/workflow/handlers.py",
        "on_created",
        "known = replace(known, fixed=fixed, modules=modules, outline=code.outline)",
        "attempts.publish(context, known)",
        caught_by(SOURCE),
    ),
    Mutant(
        "source-of-the-branch",
        "the commit on record is the one that runs",
        "bodywork/workflow/attempts.py",
        "publish",
        "progress.commit,",
        '"",',
        caught_by(SOURCE),
    ),
    Mutant(
        "hook-before-the-record",
        "a hook never hears of what did not happen",
        "statemachine/runner.py",
        "Runner.step",
        "seal = target",
        "self._deliver_all(advanced)\n        seal = target",
        caught_by(HOOKS, "test_a_hook_is_called_after_the_save_that_it_hears_of"),
    ),
    Mutant(
        "outbox-cleared-before-the-call",
        "a hook hears of everything, also where the controller died in between",
        "statemachine/runner.py",
        "Runner._next",
        "outbox=tuple(due for due in checkpoint.outbox if due.key not in self._done)",
        "outbox=()",
        caught_by(HOOKS, "test_each_hook_is_heard_at_least_once_wherever_the_controller_dies"),
    ),
    Mutant(
        "record-sealed-with-hooks-due",
        "a record with hooks that are due stays open",
        "statemachine/runner.py",
        "Runner.step",
        "and not advanced.outbox",
        "",
        caught_by(HOOKS, "test_nothing_is_due_any_more_at_the_end"),
    ),
    Mutant(
        "told-before-saved",
        "a controller that was overtaken says nothing of what it could not put on record",
        "bodywork/workflow/context.py",
        "Context.when_saved",
        "self.news.append(say)",
        "say()",
        caught_by(
            "tests/bodywork/workflow/test_runs.py",
            "test_a_controller_says_nothing_of_what_it_could_not_put_on_record",
        ),
    ),
)
