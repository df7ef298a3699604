"""The portal's settings for tests: the same, plus the counting app and a data folder that is thrown away."""

import atexit
import os
import shutil
import sys
import tempfile

sys.modules.setdefault("rich", None)  # absent as where the portal is installed: it comes with import-linter, and structlog would load it at each start

if "PORTAL_DATA" not in os.environ:
    os.environ["PORTAL_DATA"] = os.environ["PORTAL_TESTS"] = tempfile.mkdtemp(prefix="portal-tests-")
    atexit.register(shutil.rmtree, os.environ["PORTAL_DATA"], ignore_errors=True)
if "PYTEST_XDIST_WORKER" in os.environ and os.environ["PORTAL_DATA"] == os.environ.get("PORTAL_TESTS"):
    # Inherited from the process that hands out the tests: each that runs them has a folder, and a Redis, of its own.
    os.environ["PORTAL_DATA"] += "/" + os.environ["PYTEST_XDIST_WORKER"]
    os.makedirs(os.environ["PORTAL_DATA"], mode=0o700, exist_ok=True)

from portal.settings import *
from portal.settings import DATA_DIR, DATABASES, INSTALLED_APPS, PROCESS
from tests import injected

INSTALLED_APPS = [*INSTALLED_APPS, "tests.counting"]
ROOT_URLCONF = "tests.urls"
if not os.environ.get("DATABASE_URL"):
    # A file, because threads of one test must see one database and the queue wants WAL.
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}
CALLS_IN_PROCESS = os.environ.get("PORTAL_PROCESS") is None  # real processes call each other
SLOT_MEMORY_KIB, SLOT_PASSES = 64, 1  # the cost of a slot stands in its row; here many are made and opened
UNDO_SECONDS = int(os.environ.get("UNDO_SECONDS", "0"))
injected.use(dict(os.environ), PROCESS)
