"""`manage.py dispatch`: the process that rings for workers (portal/outbox/dispatcher.py)."""

import os
import signal
import socket
import threading
from typing import Any

from django.core.management.base import BaseCommand

from portal import process
from portal.outbox.dispatcher import Dispatcher


class Command(BaseCommand):
    help = "Look for jobs that are ready and ring for the workers, until stopped."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        process.not_dumpable()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        Dispatcher(f"{socket.gethostname()}:{os.getpid()}").run(stop)
