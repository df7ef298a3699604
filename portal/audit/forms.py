"""The auditor's question as a form. It only reads, so its method is GET and its address can be kept and sent."""

from datetime import UTC, datetime

from django import forms
from django.core.exceptions import ValidationError

from portal.audit.models import Outcome, Verb
from portal.audit.search import GROUPS, Filter
from portal.audit.selectors import distinct

ANY = ("", "any")
KINDS = [
    ANY,
    ("Several kinds", [(value, words) for value, (words, _) in GROUPS.items()]),
    ("One kind", sorted(Verb.choices, key=lambda choice: choice[1])),
]


class UtcDateTimeField(forms.DateTimeField):
    """The browser's date and time control; what is typed counts as UTC, like everything on the page."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M:%S")

    def to_python(self, value: object) -> datetime | None:
        moment = super().to_python(value)
        return moment.astimezone(UTC) if moment else None


class FilterForm(forms.Form):
    user = forms.CharField(required=False, max_length=64, help_text="Who did it")
    concerning = forms.CharField(required=False, max_length=200, help_text="The person it was done for")
    message = forms.CharField(required=False, max_length=64, label="Message id")
    kind = forms.ChoiceField(required=False, choices=KINDS)
    outcome = forms.ChoiceField(required=False, choices=[ANY, *Outcome.choices])
    label = forms.CharField(required=False, max_length=300, widget=forms.Select)
    since = UtcDateTimeField(required=False, label="Since (UTC)")
    until = UtcDateTimeField(required=False, label="Until (UTC)", help_text="This moment itself is left out")

    def __init__(self, data: object) -> None:
        super().__init__(data, label_suffix="")
        for name in ("user", "concerning", "message"):
            self.fields[name].widget.attrs |= {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        self.fields["user"].widget.attrs["list"] = "names"
        # A label that is asked for stays among the choices even if no event has it: a kept address goes on working.
        labels = dict.fromkeys([*distinct("label"), self["label"].data or ""])
        self.fields["label"].widget.choices = [ANY, *((label, label) for label in labels if label)]

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since >= until:
            raise ValidationError("“Since” is not before “Until”: nothing can lie between them.")
        return cleaned

    def filter(self) -> Filter:
        """The question of a valid form."""
        return Filter(**{name: value for name, value in self.cleaned_data.items() if value})
