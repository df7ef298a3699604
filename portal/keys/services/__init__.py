"""What workers do with keys. Each change is one transaction with its audit event; sealed calls are answered here."""

from portal.keys.services.anchors import add_anchor, look_at_anchor, withdraw_anchor
from portal.keys.services.certificates import choose_certificate, withdraw_certificate
from portal.keys.services.enrol import PasswordRefused, enrol
from portal.keys.services.export import export_key
from portal.keys.services.outside import add_certificate
from portal.keys.services.revocation import add_revocation_list
from portal.keys.services.secrets import accept_invitation, change_password, recover
from portal.keys.services.set_up import set_up
from portal.keys.services.unlock import unlock

__all__ = [
    "PasswordRefused",
    "accept_invitation",
    "add_anchor",
    "add_certificate",
    "add_revocation_list",
    "change_password",
    "choose_certificate",
    "enrol",
    "export_key",
    "look_at_anchor",
    "recover",
    "set_up",
    "unlock",
    "withdraw_anchor",
    "withdraw_certificate",
]
