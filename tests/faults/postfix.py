"""A private Postfix on loopback: takes mail by SMTP, delivers to maildirs of people outside and to the portal's SMTP server, sends notifications."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.stack import free_port

POSTFIX = shutil.which("postfix", path="/usr/sbin:/usr/bin")
DOMAIN = "elsewhere.example"

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.{domain}
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_reject_unlisted_recipient = no
smtpd_relay_restrictions = permit_mynetworks, reject
disable_dns_lookups = yes
smtp_host_lookup = native
message_size_limit = 400000000
virtual_mailbox_limit = 0
mailbox_size_limit = 0
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
relay_domains = portal.example
transport_maps = texthash:{folder}/transport
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """`port` is where it takes mail; `mail` has a maildir for each person of DOMAIN. Mail for anybody else there is taken, and bounces."""

    folder: Path
    port: int

    def inbox(self, name: str) -> list[bytes]:
        """What has been delivered to somebody of DOMAIN."""
        return [each.read_bytes() for each in sorted((self.folder / "mail" / name / "new").glob("*"))]

    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")


@contextmanager
def postfix(*, people: tuple[str, ...], portal: str) -> Iterator[Postfix]:
    """`portal` is the next hop for portal.example: "smtp:[127.0.0.1]:2525", or with lmtp."""
    # Not in pytest's folder, which is one user's alone: Postfix drops its rights
    with TemporaryDirectory(prefix="postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        port = _configure(folder, people, portal)
        _postfix(folder, "start")
        try:
            yield Postfix(folder, port)
        finally:
            _postfix(folder, "stop")


def _configure(folder: Path, people: tuple[str, ...], portal: str) -> int:
    """The port it will listen on."""
    (folder / "queue").mkdir()
    for name in ("data", "mail"):
        (folder / name).mkdir()
        shutil.chown(folder / name, "postfix", "postfix")
    owner = (folder / "mail").stat()
    port = free_port()
    (folder / "mailboxes").write_text("".join(f"{each}@{DOMAIN} {each}/\n" for each in people))
    (folder / "transport").write_text(f"portal.example {portal}\n")
    values = {"folder": folder, "port": port, "domain": DOMAIN, "uid": owner.st_uid, "gid": owner.st_gid}
    (folder / "main.cf").write_text(_MAIN.format(**values))
    (folder / "master.cf").write_text(_MASTER.format(**values))
    return port


def _postfix(folder: Path, what: str) -> None:
    subprocess.run([POSTFIX, "-c", str(folder), what], check=True, capture_output=True, timeout=60)
