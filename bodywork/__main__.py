"""`python -m bodywork` is `bodywork`."""

from bodywork.cli import main

if __name__ == "__main__":
    main()
