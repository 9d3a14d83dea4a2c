"""The exit code says what became of the run."""

from tests.mutants.mutant import Mutant, caught_by

MUTANTS = (
    Mutant(
        "error-after-the-end-changes-the-code",
        "what fails after the end of a run changes no exit code",
        "bodywork/cli/launch.py",
        "conclude",
        "exits.report_after_end(error)",
        "return exits.exit_code(error) or exits.RUN_FAILED",
        caught_by(
            "tests/bodywork/cli/test_after_the_end.py",
            "test_what_fails_after_the_end_changes_no_exit_code[plain-succeeds-services-<lambda>0]",
        ),
    ),
    Mutant(
        "exception-is-success",
        "code 0 only where the work is done",
        "bodywork/cli/exits.py",
        "run",
        "return _explain_any(_before_click(error))",
        "_explain_any(_before_click(error))\n        return SUCCESS",
        caught_by(
            "tests/bodywork/cli/test_only_done_is_success.py",
            "test_no_exception_of_a_command_is_success",
        ),
    ),
    Mutant(
        "exit-of-a-module-is-success",
        "a module that ends the process is no success",
        "bodywork/cli/exits.py",
        "run",
        'if isinstance(error, SystemExit) and "_BODYWORK_COMPLETE" in os.environ:',
        "if isinstance(error, SystemExit):",
        caught_by(
            "tests/bodywork/cli/test_only_done_is_success.py",
            "test_no_exception_of_a_command_is_success[SystemExit]",
        ),
    ),
    Mutant(
        "failed-run-is-success",
        "code 0 only for a run that succeeded",
        "bodywork/cli/launch.py",
        "code_of",
        "if last.state == lifecycle.SUCCEEDED:",
        "if last.state in lifecycle.TERMINAL:",
        caught_by(
            "tests/bodywork/cli/test_after_the_end.py",
            "test_what_fails_after_the_end_changes_no_exit_code[plain-fails-services-<lambda>0]",
        ),
    ),
    Mutant(
        "unwritten-output-is-success",
        "output that cannot be written is no success",
        "bodywork/cli/exits.py",
        "run",
        "sys.stdout.flush()",
        "pass",
        caught_by(
            "tests/bodywork/cli/test_only_done_is_success.py",
            "test_output_that_cannot_be_written_at_the_end_is_no_success",
        ),
    ),
)
