"""What both engines do when they run a stage, defined once: the embedded engine, `bodywork stage`.

No third parties, and light: supervisors load it.
"""
