"""What apps further right want to hear of at once."""

from django.dispatch import Signal

# Sent with `user` inside the transaction that disables a person: a listener that fails undoes it. Whoever holds sessions
# ends them here.
user_disabled = Signal()
