"""What both engines do when they run a stage, defined once: the embedded engine, `bodywork stage`.

Standard library only, and light: supervisors load it.
"""
