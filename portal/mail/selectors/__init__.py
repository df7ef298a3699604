"""What pages of mail show: ``folders`` a mailbox's lines, ``message`` one that is opened and who can read it, ``life`` what became of one that
was sent, ``outside`` what is allowed from and to other domains.

Every list is filtered by the labels its reader may have; subjects and contents come opened from a worker, or not at all.
"""

from portal.mail.selectors.folders import Mailbox, Row, folder_page
from portal.mail.selectors.life import steps
from portal.mail.selectors.message import WHOLE_TIMEOUT, is_large, open_message, original, readers
from portal.mail.selectors.outside import origin_choices, origins, release_choices, releases

__all__ = [
    "WHOLE_TIMEOUT",
    "Mailbox",
    "Row",
    "folder_page",
    "is_large",
    "open_message",
    "origin_choices",
    "original",
    "origins",
    "readers",
    "release_choices",
    "releases",
    "steps",
]
