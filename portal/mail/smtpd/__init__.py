"""Mail from outside comes in here: SMTP (RFC 5321) or LMTP (RFC 2033), sealed while it arrives, answered 250 after COMMIT.

aiosmtpd speaks the protocol; only its DATA is replaced, because it collects a message in memory. This process has no master key: it seals
to the intake key and can't open again what it has let go.
"""
