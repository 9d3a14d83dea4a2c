"""What stands in the place of the engine's own files, as the error that the port promises.

The state folder is ours, but other programs and users can reach it. A file where a folder must be,
or one that is not what was written, is met again by every later controller, so it is final.
"""

import functools
import json
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from bodywork.errors import EngineError
from statemachine.errors import StoreFull
from statemachine.os_errors import NO_ROOM, ROOM_HINT, describe

P = ParamSpec("P")
T = TypeVar("T")
_FOREIGN = (FileExistsError, NotADirectoryError, IsADirectoryError)


def translated(method: Callable[P, T]) -> Callable[P, T]:
    """Return the method with what it finds in the place of its files raised as `EngineError`, and a
    full disk as `StoreFull`: nothing was changed, and the run can go on when there is room."""

    @functools.wraps(method)
    def call(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return method(*arguments, **named)
        except _FOREIGN as error:
            place = error.filename2 or error.filename
            raise EngineError(
                f"there is something that Bodywork did not make at {place}",
                hint=f"move it away: mv {place} /tmp",
            ) from error
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise StoreFull(
                f"the local engine cannot write its files: {describe(error)}",
                hint=ROOM_HINT,
            ) from error
        except json.JSONDecodeError as error:
            raise EngineError(
                f"a file of the local engine is damaged ({error})",
                hint="`bodywork service delete` removes a damaged service; then run again",
            ) from error

    return call
