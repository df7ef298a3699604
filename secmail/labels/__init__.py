"""Security labels, clearances and policies, and the one access decision over them.

Read in this order: ``categories`` (tags and their DER), ``label`` and ``clearance`` (what messages and people carry), ``policy`` (what
a label may look like; ``spif`` reads it from XML), ``decision`` (who may), ``dominance`` (what is higher), ``marking`` (what people see),
``reading`` (labels and clearances from files).
"""

from .categories import Category, OtherCategory, TagType
from .clearance import Clearance, authority_clearance_constraints, certified_clearance, effective_clearance
from .decision import Decision, decide
from .dominance import dominated, high_water_mark, meet, not_lower
from .label import SecurityLabel
from .marking import clearance_marking, colour, marking, short_marking, text_colour
from .policy import Classification, Rule, SecurityPolicy, SecurityTag, TagCategory, TagSet
from .reading import read_clearance, read_label

__all__ = [
    "Category",
    "Classification",
    "Clearance",
    "Decision",
    "OtherCategory",
    "Rule",
    "SecurityLabel",
    "SecurityPolicy",
    "SecurityTag",
    "TagCategory",
    "TagSet",
    "TagType",
    "authority_clearance_constraints",
    "certified_clearance",
    "clearance_marking",
    "colour",
    "decide",
    "dominated",
    "effective_clearance",
    "high_water_mark",
    "marking",
    "meet",
    "not_lower",
    "read_clearance",
    "read_label",
    "short_marking",
    "text_colour",
]
