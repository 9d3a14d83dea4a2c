"""Where checkpoints and leases are kept: one module a kind of place, each proven by one suite."""
