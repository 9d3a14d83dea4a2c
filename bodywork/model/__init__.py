"""Frozen values of the domain: names, stages, workflows, runs. No I/O, no third parties."""
