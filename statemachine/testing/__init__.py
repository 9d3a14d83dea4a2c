"""Proofs for others: the contract suite for stores (`stores`), and crashes at every write."""

from statemachine.testing.crashes import (
    Crash,
    CrashingStore,
    Death,
    run_to_end_with_crashes,
)

__all__ = ["Crash", "CrashingStore", "Death", "run_to_end_with_crashes"]
