"""Listening: connections up to a number, work that blocks in threads, an end in good order."""

import asyncio
import functools
import ipaddress
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import structlog
from django.conf import settings
from django.db import close_old_connections

from portal.mail.smtpd.sessions import LmtpSession, SmtpSession

logger = structlog.get_logger(__name__)
THREADS = 8  # that parse and commit at the same time
TIMEOUT = 300.0  # seconds; RFC 5321 section 4.5.3.2.7: a server SHOULD wait at least five minutes for a command
SHARES = 5  # of all connections: one at most for a peer, or one of them could hold them all by being slow
LAST_SECONDS = 5.0  # for messages that are just being committed, at the end


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class _Threads(ThreadPoolExecutor):
    """Each has a database connection of its own; one that the database has closed meanwhile is not tried."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future:
        def work() -> Any:
            close_old_connections()
            return function(*arguments, **options)

        return super().submit(work)


class Server:
    """One listener. `executor` runs what blocks."""

    def __init__(self, *, lmtp: bool = False, executor: Executor | None = None, timeout: float = TIMEOUT) -> None:
        self._kind = LmtpSession if lmtp else SmtpSession
        self._executor = executor or _Threads(THREADS, "smtpd")
        self._timeout = timeout
        self._connections: Counter[Network] = Counter()
        self._working = 0
        self._tls = tls_context()
        # It writes each command at level INFO, addresses included, and unknown ones as warnings
        logging.getLogger("mail.log").disabled = True

    async def start(self, host: str, port: int) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(self._session, host, port)

    async def serve(self, host: str, port: int, stop: asyncio.Event) -> None:
        """Until `stop` is set; what is being committed then gets a few seconds."""
        listener = await self.start(host, port)
        logger.info("smtpd_listens", port=port, protocol=self._kind.protocol, tls=self._tls is not None)
        await stop.wait()
        listener.close()
        for _ in range(int(LAST_SECONDS / 0.05)):
            if not self._working:
                break
            await asyncio.sleep(0.05)

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What blocks, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, functools.partial(function, *arguments))

    @contextmanager
    def connection(self, peer: str) -> Iterator[bool]:
        """Counts one; whether it is welcome. Nobody but a server on this machine may have more than a share of them all."""
        network, most = network_of(peer), settings.SMTP_CONNECTIONS
        share = most if network.is_loopback else max(1, most // SHARES)
        self._connections[network] += 1
        try:
            yield self._connections.total() <= most and self._connections[network] <= share
        finally:
            self._connections[network] -= 1
            self._connections += Counter()  # forgets those who have none any more

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1

    def _session(self) -> asyncio.Protocol:
        return self._kind(
            self,
            data_size_limit=settings.SMTP_MAX_SIZE,
            enable_SMTPUTF8=True,
            hostname=settings.MAIL_DOMAIN,
            ident=self._kind.protocol,
            tls_context=self._tls,
            timeout=self._timeout,
            loop=asyncio.get_running_loop(),
        )


def network_of(peer: str) -> Network:
    """What one peer has: an address, or with IPv6 the 64 bits that a single host may choose from."""
    address = ipaddress.ip_address(peer)
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return network_of(str(mapped)) if mapped else ipaddress.IPv6Network((int(address), 128 if address.is_loopback else 64), strict=False)
    return ipaddress.ip_network(address)


def tls_context() -> ssl.SSLContext | None:
    """For STARTTLS (RFC 3207); None without a certificate."""
    if not settings.SMTP_TLS_CERT:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.SMTP_TLS_CERT, settings.SMTP_TLS_KEY or None)
    return context
