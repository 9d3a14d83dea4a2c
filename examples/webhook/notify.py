"""Post to a webhook when a run fails: `bodywork workflow --hook notify:tell_the_team …`.

The hook is called after the failure is on record, at least once: if the controller dies before it
has been told that the post arrived, the resumed one posts again, with the same Idempotency-Key.
"""

import json
import os
import urllib.request

from bodywork import HookEvent, hook


@hook("enter:failed", "enter:rolled-back", time_limit_seconds=10)
def tell_the_team(event: HookEvent) -> None:
    """Send the run's name and state, as JSON, to the address in WEBHOOK_URL."""
    message = {"text": f"run {event.machine_id} is {event.state}"}
    request = urllib.request.Request(
        os.environ["WEBHOOK_URL"],
        data=json.dumps(message).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": event.key},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        answer.read()
