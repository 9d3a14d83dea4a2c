"""A checkpoint always fits; no secret is told; no foreign text commands anything."""

from tests.mutants.mutant import Mutant, caught_by

BOUNDS = "tests/bodywork/workflow/test_bounds.py"
REDACTION = "tests/bodywork/model/test_redaction.py"
TAILS = "tests/bodywork/local/test_tails.py"

MUTANTS = (
    Mutant(
        "no-budget",
        "each record of a run fits into its checkpoint",
        "bodywork/workflow/bounds.py",
        "Words.cut",
        "excess = self.size() - budget",
        "excess = 0",
        caught_by(BOUNDS, "test_lines_go_first_then_hints_then_earlier_attempts"),
    ),
    Mutant(
        "hints-dropped-before-tails",
        "the lines of logs are left out of a record first",
        "bodywork/workflow/bounds.py",
        "",
        '("tail", LAST, 0),\n    ("modules", LAST, 0),',
        '("hint", LAST, 0),\n    ("modules", LAST, 0),',
        caught_by(BOUNDS, "test_lines_go_first_then_hints_then_earlier_attempts"),
    ),
    Mutant(
        "large-record-written",
        "no checkpoint is larger than its limit",
        "statemachine/codec.py",
        "encode",
        "if len(raw) > limit:",
        "if False:",
        caught_by("tests/statemachine/test_codec.py", "test_the_limit_counts_bytes"),
    ),
    Mutant(
        "damaged-record-believed",
        "a checkpoint that was edited or damaged is refused",
        "statemachine/codec.py",
        "_decode",
        'if document.get("checksum") != checksum(document):',
        "if False:",
        caught_by(
            "tests/statemachine/test_codec.py", "test_an_edit_without_a_new_checksum_is_noticed"
        ),
    ),
    Mutant(
        "secret-of-several-lines-told",
        "no line of a secret's value is told",
        "bodywork/model/redaction.py",
        "_made_of",
        "{line.strip() for line in value.splitlines()}",
        "{value}",
        caught_by(REDACTION, "test_a_value_of_several_lines_is_found_by_line"),
    ),
    Mutant(
        "password-in-an-address-told",
        "no password of an address is put on record",
        "bodywork/model/redaction.py",
        "_without_userinfo",
        'return text if plain else f"{match[0]}{MASK}@{tail}"',
        "return text",
        caught_by(REDACTION, "test_no_password_of_an_address_is_put_on_record"),
    ),
    Mutant(
        "references-expanded",
        "the words of a stage arrive as they were: Kubernetes expands nothing in them",
        "bodywork/cluster/containers.py",
        "escape",
        'text.replace("$", "$$")',
        "text",
        caught_by(
            "tests/bodywork/cluster/test_expansion.py",
            "test_the_words_of_a_stage_arrive_as_they_were",
        ),
    ),
    Mutant(
        "escapes-reach-the-terminal",
        "foreign text cannot command a terminal",
        "bodywork/cli/paper.py",
        "printable",
        '_CONTROL.sub("", shown)',
        "shown",
        caught_by(
            "tests/bodywork/cli/test_paper.py", "test_foreign_text_cannot_command_a_terminal"
        ),
    ),
    Mutant(
        "secret-in-base-64-told",
        "no value of a secret is told, also where it stands encoded",
        "bodywork/model/redaction.py",
        "_made_of",
        "yield from _in_base64(_bytes_of(part))",
        "pass",
        caught_by(REDACTION, "test_no_value_is_left_in_base_64"),
    ),
    Mutant(
        "secret-in-an-error-told",
        "no error holds a value of a secret",
        "bodywork/model/redaction.py",
        "hidden_in_errors",
        "except BodyworkError as error:",
        "except GeneratorExit as error:",
        caught_by(REDACTION, "test_an_error_of_a_block_loses_what_is_known_when_it_comes"),
    ),
    Mutant(
        "secret-of-an-installer-told",
        "what installers print holds no value of a secret",
        "bodywork/stage/tool_output.py",
        "ToolOutput._pass_on",
        "hide_bytes(line, self._values)",
        "line",
        caught_by(
            "tests/bodywork/stage/test_secrets.py", "test_an_installer_that_fails_tells_none"
        ),
    ),
    Mutant(
        "part-of-a-cut-secret-told",
        "the end of a log on record holds no part of a secret",
        "bodywork/local/logs.py",
        "read_tail",
        "kind is _Kind.LINE and not is_cut",
        "kind is _Kind.LINE",
        caught_by(TAILS, "test_a_value_that_a_long_line_is_cut_in"),
    ),
    Mutant(
        "changed-secret-told",
        "the end of a log on record holds no value that a secret had before",
        "bodywork/local/jobs.py",
        "tail",
        "unchanged else CHANGED",
        "unchanged else lines",
        caught_by(TAILS, "test_a_secret_that_is_changed_while_the_stage_runs[update]"),
    ),
    Mutant(
        "part-of-a-message-told",
        "the end of a container's log on record holds no part of an address",
        "bodywork/cluster/verdicts.py",
        "tail_of",
        "message.splitlines()[is_cut:]",
        "message.splitlines()",
        caught_by("tests/bodywork/cluster/test_tails.py", "test_a_line_that_was_cut"),
    ),
)
