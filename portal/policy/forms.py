"""The security officer's forms. What may be chosen comes from the policy in force."""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from itertools import groupby

from django import forms
from django.forms.boundfield import BoundWidget

from portal.policy.officer import ClearanceChoices


class PolicyForm(forms.Form):
    spif = forms.FileField(
        label="Policy file",
        help_text="A security policy information file (XML SPIF), 2.5 MB at most.",
        error_messages={"required": "Choose a policy file of 2.5 MB at most."},
        widget=forms.FileInput(attrs={"accept": ".xml,application/xml,text/xml"}),
    )


class GrantForm(forms.Form):
    classification = forms.TypedChoiceField(
        label="Classification", coerce=int, help_text="What it dominates is granted with it."
    )
    categories = forms.MultipleChoiceField(label="Categories", required=False, widget=forms.CheckboxSelectMultiple)
    valid_until = forms.DateField(
        label="Valid until",
        required=False,
        help_text="The last day (UTC) on which it holds. Empty: until it is revoked.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: object, choices: ClearanceChoices, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.legends = {choice.reference: group.legend for group in choices.groups for choice in group.choices}
        self.fields["classification"].choices = [(each.value, each.name) for each in choices.classifications]
        self.fields["categories"].choices = [
            (choice.reference, choice.name) for group in choices.groups for choice in group.choices
        ]

    def groups(self) -> Iterator[tuple[str, list[BoundWidget]]]:
        """The boxes of the categories under the names of their tags."""
        for legend, boxes in groupby(self["categories"], lambda box: self.legends[box.data["value"]]):
            yield legend, list(boxes)

    def clean_valid_until(self) -> datetime | None:
        """The end of that day: a clearance that is valid until Monday holds on Monday."""
        day = self.cleaned_data["valid_until"]
        return None if day is None else datetime.combine(day, time.max, tzinfo=UTC)
