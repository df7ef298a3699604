"""The portal's settings for tests: the same, plus the counting app and a data folder that is thrown away."""

import atexit
import os
import shutil
import tempfile

if "PORTAL_DATA" not in os.environ:
    os.environ["PORTAL_DATA"] = os.environ["PORTAL_TESTS"] = tempfile.mkdtemp(prefix="portal-tests-")
    atexit.register(shutil.rmtree, os.environ["PORTAL_DATA"], ignore_errors=True)
xdist_process = os.environ.get("PYTEST_XDIST_WORKER")
if xdist_process and os.environ["PORTAL_DATA"] == os.environ.get("PORTAL_TESTS"):
    os.environ["PORTAL_DATA"] += f"/{xdist_process}"  # inherited from the process that collects: each has its own

from portal.settings import *  # noqa: F403
from portal.settings import DATA_DIR, DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.counting"]
ROOT_URLCONF = "tests.urls"
# A file, because threads of one test must see one database and the queue wants WAL.
DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}
CALLS_IN_PROCESS = os.environ.get("PORTAL_PROCESS") is None  # real processes call each other
SLOT_MEMORY_KIB, SLOT_PASSES = 64, 1  # the cost of a slot stands in its row; here many are made and opened
UNDO_SECONDS = int(os.environ.get("UNDO_SECONDS", "0"))
