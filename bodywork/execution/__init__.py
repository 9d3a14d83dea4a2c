"""What both engines of this machine's processes share: the embedded engine, and `bodywork stage`.

Standard library only, and light: supervisors load it.
"""
