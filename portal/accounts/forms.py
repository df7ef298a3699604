"""Forms of the administration page. They check what was typed; whether it may be is the services' to say."""

from django import forms
from django.conf import settings

from portal.accounts.models import RoleName

# What the roles are for, so that nobody has to guess from one word.
DUTIES = {
    RoleName.ADMINISTRATOR: "invites and disables people, gives roles",
    RoleName.SECURITY_OFFICER: "loads the security policy, grants clearances",
    RoleName.REGISTRAR: "looks after certificates and keys",
    RoleName.AUDITOR: "reads and exports the audit trail",
    RoleName.OPERATOR: "watches jobs and health",
    RoleName.LIST_OWNER: "runs mail lists",
}
ROLE_CHOICES = [(name.value, f"{name.label}: {duty}") for name, duty in DUTIES.items()]


class RolesForm(forms.Form):
    roles = forms.MultipleChoiceField(choices=ROLE_CHOICES, required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **{"label_suffix": ""} | options)


class InviteForm(RolesForm):
    username = forms.CharField(
        label="User name",
        max_length=64,
        help_text="Small letters, digits, dots and hyphens. It can't be changed later.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    display_name = forms.CharField(
        label="Full name", max_length=128, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    address = forms.EmailField(label="Address", widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    field_order = ("username", "display_name", "address", "roles")

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self.fields["address"].help_text = f"Ends in @{settings.MAIL_DOMAIN}"
