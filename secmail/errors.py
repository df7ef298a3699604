"""Every way in which the engine refuses, in one tree.

Messages name what is wrong and where; they never repeat content, keys or passwords, because they end up in logs and on pages.
"""


class SecmailError(Exception):
    """Base of all errors that foreign bytes, keys or certificates can cause. A caller's mistake is TypeError or ValueError."""


class Malformed(SecmailError):
    """The bytes are not what they claim to be."""


class Unsupported(SecmailError):
    """Well-formed, but an algorithm, version or policy that is not read here."""


class VerificationError(SecmailError):
    """A signature, or the certificate behind it, does not hold."""


class BadSignature(VerificationError):
    """The signature value does not belong to this content and key (RFC 5652 section 5.6)."""


class BadCertificate(VerificationError):
    """No valid path from the certificate to a trust anchor (RFC 5280 section 6); ``args[0]`` says why, for people."""


class SignerMismatch(VerificationError):
    """The signature holds, but it is not the signature of the person the message names (RFC 8550 section 3)."""


class DecryptionError(SecmailError):
    """A recipient info matched, and decryption failed. One wording for every cause (no oracle)."""

    def __init__(self) -> None:
        super().__init__("the message can't be decrypted: it was damaged or changed on the way, or the key or password is not the right one")


class NotARecipient(SecmailError):
    """None of the keys given belongs to a recipient info of the message."""


class LabelError(SecmailError):
    """A security label, clearance or policy is invalid."""


class ReceiptError(SecmailError):
    """There is no receipt to make, or what claims to be one is none (RFC 2634 sections 2.4 and 2.6)."""


class MailListError(SecmailError):
    """A mail list agent must not distribute this message (RFC 2634 section 4.2); ``args[0]`` names the list's owner, who has to be told."""


class MailListLoop(MailListError):
    """The message went through this mail list before (RFC 2634 section 4.1.1)."""
