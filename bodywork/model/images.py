"""What may stand as the name of a container image.

Source: https://github.com/distribution/reference (its grammar).
"""

import re

from bodywork.errors import UsageError

IMAGE_HINT = "write it as name:tag, such as registry.example/bodywork:1"
LONGEST_IMAGE = 512
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_HOST = r"[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_IMAGE = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
    r"(?:@sha256:[0-9a-f]{64})?\Z"
)


def is_image(text: str) -> bool:
    """Say whether the text is a well-formed name of an image: host, path, tag and digest."""
    return len(text) <= LONGEST_IMAGE and _IMAGE.match(text) is not None


def check_image(text: str) -> str:
    """Return the image's name. Raises `UsageError` where it cannot be one."""
    if not is_image(text):
        raise UsageError(f"{text!r} is not the name of an image", hint=IMAGE_HINT)
    return text
