"""What stands around every page: where one can go, who one is, what is unread, whether all is well.

A context processor. Everything is computed only when a template asks for it: pieces of pages ask for nothing.
"""

from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest
from django.urls import reverse

from portal.mail import selectors as mail
from portal.outbox import health
from portal.policy import selectors as policy

FOLDERS = (("inbox", "Inbox"), ("drafts", "Drafts"), ("sent", "Sent"), ("bin", "Bin"))
# (URL name, words, roles). Nobody sees an entry that he may not use.
ROLE_PAGES = (
    ("policy:policy", "Policy", {"security_officer"}),
    ("policy:clearances", "Clearances", {"security_officer"}),
    ("mail:origins", "Origins", {"security_officer"}),
    ("keys:anchors", "Trust anchors", {"registrar"}),
    ("keys:certificates", "Certificates", {"registrar"}),
    ("accounts:people", "Administration", {"administrator"}),
    ("operations:operations", "Operations", {"operator"}),
    ("audit:events", "Audit", {"auditor", "administrator"}),
)


@dataclass(frozen=True)
class Entry:
    url: str
    name: str
    current: bool = False
    unread: int = 0


def frame(request: HttpRequest) -> dict[str, object]:
    return {"frame": Frame(request)}


class Frame:
    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.vault = getattr(request, "vault", None)

    @cached_property
    def folders(self) -> list[Entry]:
        """The folders; the inbox has its number of unread messages."""
        urls = [(reverse("mail:folder", args=[folder]), folder, name) for folder, name in FOLDERS]
        return [
            Entry(url, name, self._under(url), self.unread if folder == "inbox" else 0) for url, folder, name in urls
        ]

    @cached_property
    def own_pages(self) -> list[Entry]:
        return [self._entry("keys:keys", "Keys")]

    @cached_property
    def role_pages(self) -> list[Entry]:
        held = self.vault.user.role_names if self.vault else frozenset()
        return [self._entry(url_name, name) for url_name, name, roles in ROLE_PAGES if held & roles]

    @cached_property
    def mailbox(self) -> mail.Mailbox:
        """What the view has asked already, for the same page."""
        return getattr(self.request, "mailbox", None) or mail.Mailbox(self.vault.user)

    @property
    def unread(self) -> int:
        return self.mailbox.unread if self.vault else 0

    @cached_property
    def clearance(self) -> str:
        """The marking of the person's own clearance, or "" for none."""
        return policy.clearance_marking(self.vault.user, self.mailbox.held) if self.vault else ""

    @cached_property
    def policy_stylesheet(self) -> str:
        """Where the colours of labels are; only people who are signed in may read it."""
        return policy.stylesheet_url(self.mailbox.held.policy_id) if self.vault else ""

    @cached_property
    def unwell(self) -> str:
        """Which part of the portal is away, or "" if all is well."""
        return health.unwell()

    def _entry(self, url_name: str, name: str) -> Entry:
        url = reverse(url_name)
        return Entry(url, name, self._under(url))

    def _under(self, url: str) -> bool:
        return self.request.path.startswith(url)
