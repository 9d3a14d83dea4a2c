"""Generic durable state machines: record first, act second, resume always."""
