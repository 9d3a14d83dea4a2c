"""An order that is charged, packed and sent once, however often this program is killed.

Run it, kill it with `kill -9`, run it again: python orders.py ORDER
"""

import os
import sys
import time
from pathlib import Path

from statemachine import Advance, Checkpoint, CheckpointStore, Definition, FileStore, Runner
from statemachine import State, Transition

HERE = Path(os.environ.get("ORDERS_HOME", "orders-home"))
SECONDS = float(os.environ.get("ORDERS_SECONDS", "2"))
NEXT = {"placed": "charge", "charged": "pack", "packed": "send"}
ORDER = Definition(
    "order",
    initial="placed",
    states=(State("placed"), State("charged"), State("packed"), State("sent", terminal=True)),
    transitions=(
        Transition("charge", "placed", "charged"),
        Transition("pack", "charged", "packed"),
        Transition("send", "packed", "sent"),
    ),
)


def work(order: Checkpoint) -> Advance:
    """Do what the state asks for. The receipt's name follows from the record, and it can be made
    only once: whoever comes after a crash finds it, and goes on."""
    receipt = HERE / f"{order.id}.{NEXT[order.state]}"
    if not receipt.exists():
        time.sleep(SECONDS)
        receipt.touch(exist_ok=False)
        print(f"{order.id}: {NEXT[order.state]}", flush=True)
    return Advance(NEXT[order.state], {**order.data, NEXT[order.state]: receipt.name})


def main(name: str, store: CheckpointStore) -> None:
    writer = os.urandom(8).hex()
    runner = Runner(store, lambda _: ORDER, lambda _: work, writer=writer, software="orders 1")
    end = runner.run_to_end(name, {})
    print(f"{name} is {end.state}: {', '.join(end.data)}")


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    main(sys.argv[1], FileStore(HERE / "machines"))
