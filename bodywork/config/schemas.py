"""What each section may hold, as marshmallow schemas; the only importer of marshmallow here.

Every value comes as text. The fields say in words what is wrong, since marshmallow's own messages
speak of types that the user never wrote.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields

from bodywork.config.hostile import shorten
from bodywork.model.images import IMAGE_HINT, is_image
from bodywork.model.names import problem_with_label, problem_with_name

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SECONDS_HINT = "write the number of seconds alone, such as 30"
DAY_SECONDS = 86_400
UNKNOWN = "unknown key"
MISSING = "is missing"


class Text(fields.Field[str]):
    """Text that is not empty. `hint` is what to do where the value is wrong."""

    default_error_messages = {"required": MISSING}  # noqa: RUF012  (marshmallow's form)

    def __init__(self, *, required: bool = False, hint: str = "") -> None:
        super().__init__(required=required)
        self.hint = hint

    def advise(self, text: str) -> str:
        """Return what to do about this wrong text."""
        return self.hint

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not value.strip():
            raise ValidationError("is empty")
        return self._read(value)

    def _read(self, text: str) -> Any:
        """Return what the text stands for. Raises `ValidationError`."""
        return text


class Name(Text):
    """The name of a project or stage."""

    def _read(self, text: str) -> Any:
        fault = problem_with_name(text)
        if fault:
            raise ValidationError(f"{shorten(text)} {fault}")
        return text


class Label(Text):
    """A name exactly as Kubernetes wants it."""

    def _read(self, text: str) -> Any:
        fault = problem_with_label(text)
        if fault:
            raise ValidationError(f"{shorten(text)} {fault}")
        return text


class Image(Text):
    """A container image."""

    def _read(self, text: str) -> Any:
        if not is_image(text):
            raise ValidationError(f"{shorten(text)} is no image")
        return text


class Choice(Text):
    """One of some words."""

    def __init__(self, *words: str, required: bool = False) -> None:
        super().__init__(required=required)
        self.words = words

    def advise(self, text: str) -> str:
        """Return the word in the right case, where only that is wrong."""
        meant = [word for word in self.words if word.casefold() == text.strip().casefold()]
        return f"write {meant[0]}" if meant else ""

    def _read(self, text: str) -> Any:
        if text not in self.words:
            raise ValidationError(f"{shorten(text)} is none of {', '.join(self.words)}")
        return text


class Whole(Text):
    """A whole number within bounds, both included."""

    def __init__(self, least: int, most: int, **more: Any) -> None:
        super().__init__(**more)
        self.least, self.most = least, most

    def _read(self, text: str) -> Any:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise ValidationError(f"{shorten(text)} is no whole number")
        if not self.least <= int(text) <= self.most:
            raise ValidationError(f"{int(text)} is not between {self.least} and {self.most}")
        return int(text)


class Amount(Text):
    """A number above zero."""

    def __init__(self, most: float, **more: Any) -> None:
        super().__init__(**more)
        self.most = most

    def _read(self, text: str) -> Any:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?|\.[0-9]{1,9}", text):
            raise ValidationError(f"{shorten(text)} is no number such as 0.25 or 2")
        if not 0 < float(text) <= self.most:
            raise ValidationError(f"{shorten(text)} must be above 0 and at most {self.most:g}")
        return float(text)


class Words(Text):
    """Arguments, split as a shell would; no shell ever reads them."""

    def _read(self, text: str) -> Any:
        try:
            return tuple(shlex.split(text))
        except ValueError as error:
            raise ValidationError(f"cannot be split into words: {error}") from None


class Paths(Text):
    """Paths, with commas between them."""

    def _read(self, text: str) -> Any:
        paths = [path.strip() for path in text.split(",")]
        for path in paths:
            if fault := _problem_with_path(path):
                raise ValidationError(fault)
        return tuple(paths)


def _problem_with_path(path: str) -> str:
    if not path:
        return "has a comma with no path beside it"
    if path.startswith("/") or "\\" in path or not path.isprintable():
        return f"{shorten(path)} is no path within the repository, such as lib/common"
    if ".git" in path.casefold().split("/"):
        return f"{shorten(path)} is no part of a commit"
    return ""


PROJECT = Schema.from_dict(
    {"PROJECT_NAME": Name(required=True), "DOCKER_IMAGE": Image(hint=IMAGE_HINT)}
)(unknown=RAISE)
WORKFLOW = Schema.from_dict(
    {
        "DAG": Text(required=True),
        "ROLLBACK_SCOPE": Choice("run", "stage"),
        "RUN_ON_FAILURE": Name(),
        "SUBMODULES": Choice("yes", "no"),
    }
)(unknown=RAISE)
LOGGING = Schema.from_dict({"LOG_LEVEL": Choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")})(
    unknown=RAISE
)
STAGE = Schema.from_dict(
    {
        "STAGE_TYPE": Choice("batch", "service", required=True),
        "EXECUTABLE_SCRIPT": Text(required=True),
        "ARGS": Words(),
        "SHARED": Paths(hint="write the paths as from bodywork.ini, such as: src, lib/common"),
        "CPU_REQUEST": Amount(1024),
        "MEMORY_REQUEST_MB": Whole(1, 16 << 20, hint="write the number of MiB alone, such as 100"),
    }
)(unknown=RAISE)
BATCH = Schema.from_dict(
    {
        "MAX_COMPLETION_TIME_SECONDS": Whole(
            1, 30 * DAY_SECONDS, required=True, hint=_SECONDS_HINT
        ),
        "RETRIES": Whole(0, 100),
    }
)(unknown=RAISE)
SERVICE = Schema.from_dict(
    {
        "MAX_STARTUP_TIME_SECONDS": Whole(1, DAY_SECONDS, required=True, hint=_SECONDS_HINT),
        "REPLICAS": Whole(1, 1000),
        "PORT": Whole(1, 65535, required=True),
    }
)(unknown=RAISE)


def check(schema: Schema, texts: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values that are right, and what is wrong with the others, by key."""
    try:
        return dict(schema.load(texts)), {}
    except ValidationError as error:
        messages: Any = error.messages
        faults = {
            str(key): UNKNOWN if key not in schema.fields else str(texts[0])
            for key, texts in messages.items()
        }
        valid: Any = error.valid_data
        return dict(valid), faults


def advise(schema: Schema, key: str, text: str) -> str:
    """Return what to do about a wrong value of a key."""
    field = schema.fields.get(key)
    return field.advise(text) if isinstance(field, Text) else ""


def problem_with_variable(name: str) -> str:
    """Say why a secret cannot become this environment variable, or return ""."""
    if not _VARIABLE.match(name):
        return "is no name of an environment variable (letters, digits and _)"
    if name.startswith("BODYWORK_"):
        return "is reserved: names with BODYWORK_ are Bodywork's own"
    return ""
