"""What a controller in a pod knows of the one before it."""

import pytest

from bodywork.cli.cluster_place import was_replaced
from statemachine.ownership import Holder

POD = {"BODYWORK_RUN": "shop-29389821", "KUBERNETES_SERVICE_HOST": "10.96.0.1"}


@pytest.mark.parametrize(
    ("host", "environment", "gone"),
    [
        ("shop-29389821-abcde", POD, True),
        ("shop-29389821-fghij", POD, False),  # ourselves
        ("shop-29389822-abcde", POD, False),  # of another tick
        ("adas-laptop", POD, False),
        ("shop-29389821-abcde", {"BODYWORK_RUN": "shop-29389821"}, False),  # we are in no pod
        ("shop-29389821-abcde", {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, False),
    ],
)
def test_only_another_pod_of_the_same_job_has_been_replaced(
    host: str, environment: dict[str, str], gone: bool
) -> None:
    holder = Holder(name="controller", host=host, pid=1, software="")
    assert was_replaced(holder, environment, "shop-29389821-fghij") is gone
