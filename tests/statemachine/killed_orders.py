"""The orders example on a store that ends the process by SIGKILL at a given save.

Run as: killed_orders.py before|after N (with ORDERS_HOME and ORDERS_SECONDS set).
"""

import os
import signal
import sys

from examples.orders import orders
from statemachine.stores.file import FileStore
from statemachine.testing import CrashingStore


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


side, number = sys.argv[1], int(sys.argv[2])
store = CrashingStore(
    FileStore(orders.HERE / "machines"),
    crash_before=number if side == "before" else 0,
    crash_after=number if side == "after" else 0,
    crash=die,
)
orders.HERE.mkdir(exist_ok=True)
orders.main("o-1", store)
