"""What cannot be seen is no result, and what was refused once is not final."""

from tests.mutants.mutant import Mutant, caught_by

FAULTS = "tests/bodywork/cluster/test_faults.py"
WATCHING = "tests/bodywork/cluster/test_watching.py"

MUTANTS = (
    Mutant(
        "forbidden-look-is-final",
        "a look that is refused fails no run",
        "bodywork/cluster/faults.py",
        "",
        "Fault.NOT_PERMITTED: Answer.AGAIN",
        "Fault.NOT_PERMITTED: Answer.FINAL",
        caught_by(FAULTS, "test_a_look_that_fails_for_a_moment[list-Fault.NOT_PERMITTED]"),
    ),
    Mutant(
        "missing-list-is-empty",
        "a 404 of a list is no answer of an API server",
        "bodywork/cluster/faults.py",
        "classify",
        "unserved = listing or",
        "unserved =",
        caught_by(FAULTS, "test_a_look_that_fails_for_a_moment[list-Fault.NOT_FOUND]"),
    ),
    Mutant(
        "lost-answer-is-a-failure",
        "after a lost answer it is looked whether the write was carried out",
        "bodywork/cluster/client.py",
        "Client.endure",
        "if error.given_up:",
        "if error.given_up or error.ambiguous:",
        caught_by(FAULTS, "test_a_write_whose_answer_is_lost_is_done_once"),
    ),
    Mutant(
        "lost-answer-is-repeated",
        "a write whose answer was lost is not sent again unseen",
        "bodywork/cluster/client.py",
        "Client.replace",
        "sure=False",
        "sure=True",
        caught_by(
            "tests/bodywork/cluster/test_client.py",
            "test_a_write_whose_answer_was_lost_is_not_sent_again",
        ),
    ),
    Mutant(
        "conflict-is-final",
        "an object that others have changed is read again",
        "bodywork/cluster/faults.py",
        "",
        "Fault.CONFLICT: Answer.READ_AGAIN",
        "Fault.CONFLICT: Answer.FINAL",
        caught_by(FAULTS, "test_an_object_that_others_change_meanwhile_is_read_again"),
    ),
    Mutant(
        "deleted-object-adopted",
        "an object that is being deleted is neither adopted nor changed",
        "bodywork/cluster/writes.py",
        "require_staying",
        "if found is not None and",
        "if False and",
        caught_by(FAULTS, "test_an_object_that_is_being_deleted_is_made_anew_once_it_is_gone"),
    ),
    Mutant(
        "late-event-believed",
        "an event that comes late does not undo what is known",
        "bodywork/cluster/watching.py",
        "Watched._keep",
        "if known is None or version_number(known) <= version_number(found):",
        "if known is None or found:",
        caught_by(WATCHING, "test_an_event_that_comes_late_does_not_undo_what_is_known"),
    ),
    Mutant(
        "gone-ignored",
        "a watch that is told that its version is too old lists again",
        "bodywork/cluster/watching.py",
        "Watched._look_again",
        "self._list(self._apart)",
        "pass",
        caught_by(WATCHING, "test_what_a_watch_missed_is_known_from_the_next_list"),
    ),
    Mutant(
        "absence-believed-of-the-cache",
        "that there is no Job is believed of the API server alone",
        "bodywork/cluster/jobs.py",
        "Jobs._find",
        "found = look(self._client, _path(attempt))",
        "found = None",
        caught_by(
            "tests/bodywork/cluster/test_verdicts_of_jobs.py",
            "test_a_job_that_a_silent_watch_has_not_told_of_is_not_said_to_be_gone",
        ),
    ),
    Mutant(
        "failed-though-it-runs",
        "an attempt has failed only once it was seen to end, or was ended",
        "bodywork/workflow/attempts.py",
        "_end_refused",
        'if attempt.state != "started" or',
        "if True or",
        caught_by(
            "tests/bodywork/workflow/test_refusals.py",
            "test_an_attempt_that_cannot_be_looked_at_has_failed_only_if_it_was_ended",
        ),
    ),
    Mutant(
        "foreign-object-adopted",
        "what carries our name and is not ours is an error",
        "bodywork/cluster/labels.py",
        "require_ours",
        "if not are_borne(found, expected or {}):",
        "if False:",
        caught_by(
            "tests/bodywork/cluster/test_foreign.py",
            "test_it_is_refused_and_stays_as_it_is",
            "test_a_source_is_not_published_over_it",
        ),
    ),
    Mutant(
        "log-read-on-by-number",
        "a log that was rotated is read on from its first new line",
        "bodywork/cluster/stamps.py",
        "_place",
        "place = max(int(at.timestamp()) * _SECOND + (fraction << _EQUAL_BITS), place + 1)",
        "place += 1",
        caught_by(
            "tests/bodywork/cluster/test_logs.py",
            "test_what_comes_after_a_rotation_is_told_from_its_first_line",
        ),
    ),
)
