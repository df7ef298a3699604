"""What the security officer set for other domains: the labels of what comes from them, the marking of what may leave to them."""

from dataclasses import dataclass

from portal.mail.models import Origin, Release
from portal.policy.officer import holds
from portal.policy.selectors import category_references, marking_of_clearance


def origins() -> list[Origin]:
    """All origins by domain, "*" first."""
    return list(Origin.objects.select_related("label", "provisional_label").order_by("domain"))


@dataclass(frozen=True)
class ReleaseRow:
    """A domain outside, and the marking of what may leave to it ("": nothing)."""

    domain: str
    marking: str


def releases() -> list[ReleaseRow]:
    """All domains to which something may leave, or expressly nothing, "*" first."""
    found = Release.objects.order_by("domain")
    return [ReleaseRow(each.domain, marking_of_clearance(each.clearance) if each.clearance else "") for each in found]


def origin_choices(domain: str) -> dict[str, object]:
    """The initial values of the form for one of them; for an unknown domain just that."""
    origin = Origin.objects.select_related("label", "provisional_label").filter(domain=domain).first()
    values: dict[str, object] = {"domain": domain}
    for name, label in (("unlabelled", origin and origin.label), ("encrypted", origin and origin.provisional_label)):
        if label:
            values |= {name: label.classification, f"{name}_category": category_references(label)}
    return values


def release_choices(domain: str) -> dict[str, object]:
    """The same for what may be sent to one of them."""
    released = Release.objects.filter(domain=domain).first()
    return {"domain": domain, **(holds(released.clearance) if released and released.clearance else {})}
