"""The error for a namespace that does not exist, the same for each engine and each command."""

from collections.abc import Iterable

from bodywork.errors import NotFound

MOST_LISTED = 10


def missing_namespace(namespace: str, where: str, others: Iterable[str]) -> NotFound:
    """Return the error for a namespace that does not exist.

    Args:
        namespace: as it was given.
        where: "on this machine", "in the cluster at …".
        others: the namespaces that exist; empty where they cannot be listed.
    """
    import difflib  # only where something is wrong

    known = sorted(others)
    near = difflib.get_close_matches(namespace, known, n=1)
    hints = [f"did you mean {near[0]}?"] if near else []
    if known:
        more = f" and {len(known) - MOST_LISTED} more" if len(known) > MOST_LISTED else ""
        hints.append(f"there are: {', '.join(known[:MOST_LISTED])}{more};")
    hints.append(f"make it: bodywork setup-namespace {namespace}")
    return NotFound(f"there is no namespace {namespace} {where}", hint=" ".join(hints))
