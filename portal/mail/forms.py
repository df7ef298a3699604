"""What a browser posts. Of a draft nothing is refused here: it may be half done, `check` says what is missing."""

import re

from django import forms
from django.http import QueryDict

from portal.mail.content import DraftContent
from portal.outbox.models import Precedence
from portal.policy.forms import GrantForm
from portal.policy.officer import LabelChoices

MESSAGE_ID = re.compile(
    r"<[!-;=?-~]{1,900}>"
)  # printable ASCII without space and angle brackets, RFC 5322 section 3.6.4
MOST_REFERENCES = 100


def draft_content(posted: QueryDict) -> DraftContent:
    """The draft as it stands in the form."""
    return DraftContent(
        to=_text(posted, "to"),
        cc=_text(posted, "cc"),
        bcc=_text(posted, "bcc"),
        subject=_text(posted, "subject"),
        text=_text(posted, "text"),
        classification=_number(posted.get("classification", "")),
        categories=posted.getlist("category"),
        receipt_requested="receipt_requested" in posted,
        precedence=_precedence(posted, "precedence"),
        copy_precedence=_precedence(posted, "copy_precedence"),
        in_reply_to="".join(_message_ids(posted, "in_reply_to")[:1]),
        references=_message_ids(posted, "references")[-MOST_REFERENCES:],
    )


def _text(posted: QueryDict, name: str) -> str:
    return posted.get(name, "").replace("\0", "")


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _precedence(posted: QueryDict, name: str) -> int:
    number = _number(posted.get(name, ""))
    return number if number in Precedence.values else Precedence.ROUTINE


def _message_ids(posted: QueryDict, name: str) -> list[str]:
    """The form carries them, so a browser could change them: only what can stand in a header comes through."""
    return MESSAGE_ID.findall(posted.get(name, ""))


class OriginForm(forms.Form):
    """Which labels mail from a domain outside gets. Without a classification it is refused, whatever else is chosen."""

    domain = forms.CharField(
        label="Domain",
        max_length=200,
        help_text="As it stands in addresses after the @; * for every domain that is not on the list.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    unlabelled = forms.TypedChoiceField(
        label="Mail without a label",
        coerce=int,
        empty_value=None,
        required=False,
        help_text="Most mail from outside. It is encrypted to its recipient when it arrives, under this label.",
    )
    unlabelled_category = forms.MultipleChoiceField(required=False)
    encrypted = forms.TypedChoiceField(
        label="Encrypted mail",
        coerce=int,
        empty_value=None,
        required=False,
        help_text="Its own label is inside, where nobody sees it yet. Until the recipient opens it, it has this one; from then on both count.",
    )
    encrypted_category = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: object, choices: LabelChoices, **options: object) -> None:
        super().__init__(*args, **options)
        classifications = [("", "Refuse it"), *((each.value, each.name) for each in choices.classifications)]
        references = [(each.reference, each.name) for group in choices.groups for each in group.choices]
        for name in ("unlabelled", "encrypted"):
            self.fields[name].choices = classifications
            self.fields[f"{name}_category"].choices = references
        self.groups = choices.groups

    def wanted(self) -> dict[str, object]:
        """What the service takes."""
        chosen = self.cleaned_data
        labels = {name: None if chosen[name] is None else (chosen[name], chosen[f"{name}_category"]) for name in ("unlabelled", "encrypted")}
        return {"domain": chosen["domain"], **labels}


class ReleaseForm(GrantForm):
    """What may leave to a domain outside: a clearance, like a person's."""

    domain = forms.CharField(
        label="Domain",
        max_length=200,
        help_text="As it stands in addresses after the @; * for every domain that is not on the list.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    valid_until = None  # until it is ended
    field_order = ("domain", "classification", "categories")
