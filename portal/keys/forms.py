"""What people type about keys. Fields hold secrets: none is ever rendered back."""

from django import forms


def _password(label: str, *, new: bool = False) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password" if new else "current-password"})
    return forms.CharField(label=label, strip=False, max_length=1024, widget=widget)


class SignInForm(forms.Form):
    username = forms.CharField(
        label="User name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = _password("Password")


class _NewPassword(forms.Form):
    """A new password, typed twice."""

    password = _password("New password", new=True)
    again = _password("The same again", new=True)

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        if cleaned.get("password") and cleaned.get("again") and cleaned["password"] != cleaned["again"]:
            self.add_error("again", "The two are not the same.")
        return cleaned


class AcceptForm(_NewPassword):
    pass


class RecoverForm(_NewPassword):
    field_order = ["username", "recovery_code", "password", "again"]
    username = forms.CharField(
        label="User name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"})
    )
    recovery_code = forms.CharField(
        label="Recovery code",
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )


class PasswordForm(_NewPassword):
    field_order = ["old_password", "password", "again"]
    old_password = _password("Old password")


class ExportForm(forms.Form):
    """`key` is the key's id; its row on the page brings it along."""

    key = forms.CharField(label="Key", max_length=32, widget=forms.HiddenInput)
    password = _password("Your password")
    passphrase = _password("Passphrase for the file", new=True)
