"""The marking of a label: the text people read at the top and bottom of a page, and its colour, as the SPIF wants them."""

from collections.abc import Iterable, Iterator

from ..errors import LabelError
from .categories import Category
from .clearance import Clearance
from .label import SecurityLabel
from .policy import Classification, MarkingRules, Phrase, SecurityPolicy, SecurityTag, TagCategory

_PAGE = {"pageTop", "pageBottom", "pageTopBottom"}
_NOT_A_PLACE = {"noNameDisplay", "noMarkingDisplay", "suppressClassName", "replacePolicy", "unused"}


def marking(label: SecurityLabel, policy: SecurityPolicy, language: str = "en") -> str:
    """The marking for a page, such as ``SECRET · REL TO UK, FR``; ``language`` is an xml:lang of the SPIF.

    LabelError if the label has anything on it that the policy does not know.
    """
    ours, classification = _known(label, policy)
    chosen = [each for tag in policy.tags for each in _chosen(tag, ours.known_categories)]
    parts = [_policy_text(policy, classification, chosen, language)]
    if classification is not None and not any(
        _has_code(each.markings, "suppressClassName", language) for each in chosen
    ):
        parts.append(_shown(classification.name, classification.markings, language))
    parts += [_tag_text(tag, ours.known_categories, language) for tag in policy.tags]
    return _framed(parts, policy.markings, language)


def short_marking(label: SecurityLabel, policy: SecurityPolicy, language: str = "en") -> str:
    """The classification alone, in the SPIF's abbreviation for portion marking if it has one. LabelError as in ``marking``."""
    _, classification = _known(label, policy)
    if classification is None:
        return policy.name
    abbreviation = _with_code(classification.markings, "portionMarking", language)
    if abbreviation is not None and abbreviation.text:
        return abbreviation.text
    return _shown(classification.name, classification.markings, language) or classification.name


def clearance_marking(clearance: Clearance, policy: SecurityPolicy, language: str = "en") -> str:
    """A clearance as text, such as ``{RESTRICTED|SECRET} REL TO UK``. What the policy does not know grants nothing: left out."""
    if clearance.policy != policy.oid:
        raise LabelError("the clearance belongs to another security policy")
    classes = "|".join(each.name for each in policy.classifications if each.value in clearance.class_list)
    parts = ["{" + classes + "}", *(_tag_text(tag, clearance.known_categories, language) for tag in policy.tags)]
    return _framed(parts, policy.markings, language)


def colour(label: SecurityLabel, policy: SecurityPolicy) -> str | None:
    """The colour of the label's classification as ``#rrggbb``, None if the policy gives none. LabelError as in ``marking``."""
    classification = _known(label, policy)[1]
    return None if classification is None else classification.colour


def text_colour(background: str) -> str:
    """``#000000`` or ``#ffffff``, whichever is easier to read on ``#rrggbb``; one of them has at least 4.5:1 (WCAG 2.2, 1.4.3)."""
    channels = [int(background[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def _known(label: SecurityLabel, policy: SecurityPolicy) -> tuple[SecurityLabel, Classification | None]:
    ours = policy.translated(label)
    classification = None if ours is None else policy.classification(ours.classification)
    if ours is None or (classification is None and ours.classification is not None):
        raise LabelError("the policy does not know this label")
    if any(policy.category(each) is None for each in ours.categories):
        raise LabelError("the label has a category that the policy does not define")
    return ours, classification


def _chosen(tag: SecurityTag, present: frozenset[Category]) -> list[TagCategory]:
    return [each for each in tag.categories if each.category in present]


def _policy_text(
    policy: SecurityPolicy, classification: Classification | None, chosen: Iterable[TagCategory], language: str
) -> str:
    """The policy's name, or what the policy, the classification or the first category that wants to puts in its place."""
    sources = [
        policy.markings,
        *([classification.markings] if classification else []),
        *(each.markings for each in chosen),
    ]
    for markings in sources:
        phrase = _with_code(markings, "replacePolicy", language)
        if phrase is not None:
            return phrase.text or ""
    return _shown(policy.name, policy.markings, language)


def _tag_text(tag: SecurityTag, present: frozenset[Category], language: str) -> str:
    names = [_shown(each.name, each.markings, language, tag.markings) for each in _chosen(tag, present)]
    shown = [name for name in names if name]
    if not shown:
        return ""
    separator = _qualifier(tag.markings, "separator", language) or "/"
    return f"{_qualifier(tag.markings, 'prefix', language)}{separator.join(shown)}{_qualifier(tag.markings, 'suffix', language)}"


def _framed(parts: Iterable[str], markings: MarkingRules, language: str) -> str:
    separator = _qualifier(markings, "separator", language) or " "
    text = separator.join(part for part in parts if part)
    return f"{_qualifier(markings, 'prefix', language)}{text}{_qualifier(markings, 'suffix', language)}"


def _shown(name: str, own: MarkingRules, language: str, inherited: MarkingRules = MarkingRules()) -> str:  # noqa: B008 (frozen)
    """What stands on a page for the name: the name, its phrase or nothing."""
    phrase = next(_on_page(own if own.phrases else inherited, language), None)
    if phrase is None:
        return name
    if "noNameDisplay" in phrase.codes:
        return ""
    if phrase.text is None or phrase.codes & {"noMarkingDisplay", "replacePolicy"}:
        return name
    return phrase.text


def _has_code(markings: MarkingRules, code: str, language: str) -> bool:
    return any(code in phrase.codes for phrase in _on_page(markings, language))


def _on_page(markings: MarkingRules, language: str) -> Iterator[Phrase]:
    """Phrases for the top or bottom of a page, which is also where those without a place go."""
    for phrase in _in_language(markings.phrases, language):
        places = phrase.codes - _NOT_A_PLACE
        if not places or places & _PAGE:
            yield phrase


def _with_code(markings: MarkingRules, code: str, language: str) -> Phrase | None:
    return next((phrase for phrase in _in_language(markings.phrases, language) if code in phrase.codes), None)


def _in_language(phrases: tuple[Phrase, ...], language: str) -> list[Phrase]:
    """Phrases of the language first, those of no language after them."""
    return [each for wanted in (language, None) for each in phrases if each.language == wanted]


def _qualifier(markings: MarkingRules, code: str, language: str) -> str:
    found = {each.language: each.text for each in markings.qualifiers if each.code == code}
    return found.get(language, found.get(None, ""))
