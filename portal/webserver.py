"""gunicorn's configuration (`-c python:portal.webserver`): threads over WSGI, limits on requests, our logs."""

import contextlib
import os
import socket
from pathlib import Path
from typing import Any

import redis
import structlog
from django.conf import settings
from gunicorn import glogging

from portal import logs, process
from portal.outbox.workers import announce


class Logger(glogging.Logger):
    """Sends gunicorn's own lines through `portal.logs`, and logs requests without their query strings."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        logs.configure(settings.LOGGING)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
        self.requests = structlog.get_logger("gunicorn.access")

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> None:
        self.requests.info(
            "request",
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", ""),
            status=resp.status_code,
            milliseconds=round(request_time.total_seconds() * 1000),
            request_id=dict(resp.headers).get("X-Request-Id", ""),
        )


_address = f"[{settings.HOST}]:{settings.PORT}" if ":" in settings.HOST else f"{settings.HOST}:{settings.PORT}"
_socket = os.environ.get("PORTAL_SOCKET")  # the supervisor's, which outlives us
bind = [f"fd://{_socket}" if _socket else _address]
wsgi_app = "portal.wsgi:application"
worker_class = "gthread"
workers = settings.WEB_PROCESSES
threads = settings.WEB_THREADS
preload_app = True  # one import for all; connections open after the fork, at their first use
timeout = 60
graceful_timeout = 50  # uploads under way may end; `serve` kills earlier when all of it stops
keepalive = 5
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
umask = settings.UMASK
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the heartbeat file, not data
control_socket_disable = True
accesslog = "-"
logger_class = Logger
proc_name = "portal-web"


def on_starting(server: Any) -> None:
    process.not_dumpable()


def post_fork(server: Any, worker: Any) -> None:
    process.die_with(server.pid)


def post_worker_init(worker: Any) -> None:
    """Everything is loaded: whoever waits for this web process to take over may know (portal/rolling.py)."""
    with contextlib.suppress(redis.RedisError):
        announce("web", f"{socket.gethostname()}:{worker.ppid}", {})
