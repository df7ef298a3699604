#!/usr/bin/env python
"""The portal's command line: ``./manage.py help`` lists what it can do."""

import os
import sys


def main() -> None:
    os.umask(0o077)  # whatever a command writes is nobody else's to read
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
