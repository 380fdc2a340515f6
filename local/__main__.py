"""Runs the command line as ``python -m local``; a separate file so that importing the package starts nothing."""

import sys

from local.cli import main

if __name__ == "__main__":
    sys.exit(main())
