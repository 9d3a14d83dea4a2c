"""Time zones by their IANA names, which are what Kubernetes takes."""

from datetime import UTC, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from bodywork.cluster.cron_manifests import UTC_ZONE
from bodywork.errors import UsageError


def find_zone(name: str) -> tzinfo | None:
    """Return the time zone; None where this machine knows no zones at all, and the cluster decides.

    Raises:
        UsageError: there is none of that name.
    """
    if name in (UTC_ZONE, "UTC"):
        return UTC
    known = available_timezones()
    if not known:
        return None
    if name in known:
        return ZoneInfo(name)
    places = {each.rpartition("/")[2]: each for each in sorted(known)}
    near = get_close_matches(name, known, 1) or [
        places[each] for each in get_close_matches(name.rpartition("/")[2], places, 1)
    ]
    hint = f"did you mean {near[0]}?" if near else "such as Europe/Berlin or America/New_York"
    raise UsageError(f"there is no time zone {name!r}", hint=hint)
