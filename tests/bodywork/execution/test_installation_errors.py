"""What installers print, and whether another attempt can help."""

import pytest

from bodywork.execution.installation_errors import (
    installation_failed,
    is_final_message,
    is_hopeless,
)

HOPELESS = [
    (
        "error: No solution found when resolving dependencies\n  cause: Because x was not found in "
        "the package registry and you require x==99, we can conclude that …"
    ),
    "  × No solution found when resolving dependencies:\n",
    (
        "ERROR: Could not find a version that satisfies the requirement x==99 (from versions: 1)\n"
        "ERROR: No matching distribution found for x==99"
    ),
    "ERROR: ResolutionImpossible: for help visit https://…",
    "error: Couldn't parse requirement in `requirements.txt` at position 0",
    "ERROR: Invalid requirement: '!!' (from line 2 of requirements.txt)",
    "ERROR: x-1-cp27-cp27m-win32.whl is not a supported wheel on this platform.",
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
]
PASSING = [
    (
        "error: Request failed after 3 retries in 4.6s\n  cause: Failed to fetch: `http://h/six/`\n"
        "  cause: Connection refused (os error 111)"
    ),
    (
        "WARNING: Retrying (Retry(total=0, …)) after connection broken by 'NewConnectionError(…)'\n"
        "ERROR: Could not find a version that satisfies the requirement six (from versions: none)\n"
        "ERROR: No matching distribution found for six"
    ),
    "ERROR: HTTP error 503 Server Error: Service Unavailable for url",
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
    "error: Failed to build `x`\n  The build backend returned an error",
    "Read timed out.\nERROR: No matching distribution found for x",
    "Killed",
    "",
]


@pytest.mark.parametrize("output", HOPELESS)
def test_what_an_index_answered_is_final(output: str) -> None:
    assert is_hopeless(output)


@pytest.mark.parametrize("output", PASSING)
def test_what_may_pass_is_tried_again(output: str) -> None:
    assert not is_hopeless(output)


def test_a_container_s_message_tells_which_it_was() -> None:
    for final in (True, False):
        error = installation_failed("train", "exit code 1 of `uv`", final=final)
        assert is_final_message(f"error: {error.message}") is final
    assert not is_final_message("the requirements of stage train cannot be installed as they are")
