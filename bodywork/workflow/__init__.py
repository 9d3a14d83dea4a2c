"""A run as a durable state machine: what happens in which state, knowing no engine by name."""
