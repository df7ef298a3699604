"""What pages of mail show: ``folders`` a mailbox's lines, ``message`` one that is opened and who can read it, ``life`` what became of one that
was sent, ``outside`` what is allowed from and to other domains.

Every list is filtered by the labels its reader may have; subjects and contents come opened from a worker, or not at all.
"""

from portal.mail.selectors.folders import folder_page, mailbox, state, unread
from portal.mail.selectors.life import steps
from portal.mail.selectors.message import WHOLE_TIMEOUT, is_large, open_message, original, readers
from portal.mail.selectors.outside import origin_choices, origins, release_choices, releases

__all__ = [
    "WHOLE_TIMEOUT",
    "folder_page",
    "is_large",
    "mailbox",
    "open_message",
    "origin_choices",
    "original",
    "origins",
    "readers",
    "release_choices",
    "releases",
    "state",
    "steps",
    "unread",
]
