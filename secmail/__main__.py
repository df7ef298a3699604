"""``python -m secmail``."""

import sys

from secmail.cli import console

if __name__ == "__main__":
    sys.exit(console())
