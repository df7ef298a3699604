#!/usr/bin/env python
"""The portal's command line: ``./manage.py help`` lists what it can do."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError
from environs import EnvError


def main() -> None:
    os.umask(0o077)  # whatever a command writes is nobody else's to read
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, EnvError) as reason:
        sys.exit(f"Not started: {reason}")
    except DatabaseError as reason:
        sys.exit(f"The database can't be used: {reason}\nWhat was committed before is kept. Is DATABASE_URL right, and was `manage.py setup` run?")


if __name__ == "__main__":
    main()
