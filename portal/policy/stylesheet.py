"""The colours of labels as a style sheet: a strict content security policy allows no style attributes.

The sheet of a version also holds the colours of all versions before it, because a label that the newest one no longer
knows keeps its old words and colour. Its name ends with a digest, so that it may be kept for ever.
"""

import hashlib
from functools import lru_cache

from portal.policy import engine
from portal.policy.models import SecurityPolicy

RULE = ".{name}{{background-color:{colour};color:{text}}}\n"  # for the bar of a page and the chip in a list


def stylesheet_version(policy_id: str | None) -> str:
    """The name of the style sheet of a policy, for its address; empty without one."""
    return "" if policy_id is None else _sheet(policy_id)[0]


def policy_stylesheet(name: str) -> str | None:
    """The style sheet with this name, None if there is none."""
    version = name.partition("-")[0]
    if not version.isdecimal() or len(version) > 9:
        return None
    policy_id = SecurityPolicy.objects.filter(version=version).values_list("id", flat=True).first()
    known, text = ("", None) if policy_id is None else _sheet(policy_id)
    return text if name == known else None


@lru_cache(maxsize=8)
def _sheet(policy_id: str) -> tuple[str, str]:
    version = SecurityPolicy.objects.values_list("version", flat=True).get(id=policy_id)
    ids = SecurityPolicy.objects.filter(version__lte=version).order_by("version").values_list("id", flat=True)
    rules = (
        RULE.format(name=name, colour=colour, text=text) for id in ids for name, colour, text in engine.colours(id)
    )
    text = "".join(rules)
    return f"{version}-{hashlib.sha256(text.encode()).hexdigest()[:12]}", text
