"""`manage.py smtpd`: takes mail from outside (portal/mail/smtpd)."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import process
from portal.mail.smtpd.server import Server


class Command(BaseCommand):
    help = "Take mail by SMTP, or by LMTP from a mail server in front, until stopped."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lmtp", action="store_true", default=settings.SMTP_LMTP, help="speak LMTP instead of SMTP")
        parser.add_argument("--host", default=settings.SMTP_HOST)
        parser.add_argument("--port", type=int, default=settings.SMTP_PORT)

    def handle(self, *args: Any, lmtp: bool, host: str, port: int, **options: Any) -> None:
        if not port:
            raise CommandError("No port: set SMTP_PORT, or give --port.")
        process.not_dumpable()
        try:
            asyncio.run(_serve(Server(lmtp=lmtp), host, port))
        except OSError as reason:
            raise CommandError(f"can't listen on {host} port {port}: {reason.strerror}") from None


async def _serve(server: Server, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.serve(host, port, stop)
