"""What pages show of certificates of people outside: whose they are, who issued them, how they came, and whether they count."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.utils import timezone

from portal.keys import engine, selectors
from portal.keys.models import Certificate
from portal.templatetags.portal import long_date

MOST = 200  # on the page, of each kind
Use = Certificate.Use


@dataclass(frozen=True)
class Known:
    """One certificate. `objection` says why it does not count now, whatever a registrar has decided; `used` whether mail is encrypted with it."""

    row: Certificate
    objection: str
    used: bool

    @cached_property
    def issuer(self) -> str:
        return engine.certificate_view(self.row.der).issuer

    @property
    def origin(self) -> str:
        """How it came. When, or by whom, is said to registrars only: it tells who here has to do with its owner."""
        return "from a signed message" if self.row.source == Certificate.Source.SIGNATURE else "uploaded"

    @property
    def waits(self) -> bool:
        return self.row.use == Use.WAITING and not self.objection

    @property
    def aside(self) -> bool:
        return self.row.use != Use.FREE and not self.objection


def certificates(address: str = "") -> list[Known]:
    """Those that a registrar has not withdrawn, by address; `address` is a part of it."""
    return _known(_rows(address).filter(revoked_at=None).order_by("address", "-not_before", "id")[:MOST])


def withdrawn(address: str = "") -> list[Known]:
    """The latest first."""
    rows = _rows(address).filter(revoked_at__isnull=False).order_by("-revoked_at", "id")[:MOST]
    return [Known(each, "", used=False) for each in rows]


def conflicts() -> list[list[Known]]:
    """Per address that has a certificate for which a choice is waited: that one, and those in its way."""
    addresses = list(_rows().filter(use=Use.WAITING, revoked_at=None).order_by("address").values_list("address", flat=True).distinct()[:MOST])
    found: dict[str, list[Known]] = {}
    for each in _known(_rows().filter(address__in=addresses, revoked_at=None).order_by("address", "use", "-not_before", "id")):
        if each.waits or each.used:
            found.setdefault(each.row.address, []).append(each)
    return [each for each in found.values() if any(one.waits for one in each)]


def shown(row: Certificate) -> Known:
    """One that mail is encrypted with."""
    return Known(row, "", used=True)


def why_none(address: str) -> str:
    """Why nothing can be encrypted for somebody outside, as a sentence: the newest certificate counts, for that is the one they would expect."""
    rows = list(_rows().filter(address=address.lower()).order_by("-not_before", "id"))
    if not rows:
        return f"There is no certificate for {address}."
    if any(each.waits for each in _known([each for each in rows if each.revoked_at is None])):
        return f"There is a new certificate for {address} from another authority than before. A registrar has to decide whether it counts."
    return why_not(rows[0], address)


def why_not(row: Certificate, address: str) -> str:
    """Why this certificate of somebody outside does not count, as a sentence."""
    if row.revoked_at is not None:
        return f"The certificate of {address} was withdrawn by a registrar on {long_date(row.revoked_at)}."
    objection = engine.objection(row.der, row.issuers, selectors.vouching(), timezone.now())
    if objection:
        return objection.replace("The certificate", f"The certificate of {address}", 1)
    if row.use == Use.ASIDE:
        return f"The certificate of {address} was set aside by a registrar."
    return f"There is no certificate for {address} that counts now."


def _rows(address: str = ""):
    return Certificate.objects.filter(user=None, address__icontains=address.strip())


def _known(rows: Iterable[Certificate]) -> list[Known]:
    rows, now, vouching = list(rows), timezone.now(), selectors.vouching()
    used = {each.id for each in selectors.certificates_outside({each.address for each in rows}).values()}
    return [Known(each, engine.objection(each.der, each.issuers, vouching, now), used=each.id in used) for each in rows]
