from datetime import timedelta

from django.apps import AppConfig
from django.conf import settings

# A relay that is away is asked again for two days; then the operator decides
RELAY_DELAYS = (*(timedelta(minutes=m) for m in (1, 2, 5, 15, 30)), *[timedelta(hours=1)] * 47)


class MailConfig(AppConfig):
    name = "portal.mail"
    label = "mail"

    def ready(self) -> None:
        from portal.keys import intake
        from portal.mail import services
        from portal.mail.services import housekeeping
        from portal.mail.services.accept import acceptance_held_up, close_arrival, notification_readers
        from portal.mail.services.deliver import delivery_held_up, stop_delivery
        from portal.mail.services.notifications import note_delivery_status
        from portal.mail.services.relay import relaying_held_up, stop_relaying
        from portal.mail.services.seal import fail, sealing_held_up
        from portal.outbox import registry

        registry.register("seal", services.seal, on_dead=sealing_held_up, on_cancelled=fail)
        registry.register("accept", services.accept, on_dead=acceptance_held_up, on_cancelled=close_arrival)
        registry.register("deliver", services.deliver, on_dead=delivery_held_up, on_cancelled=stop_delivery)
        registry.register(
            "relay",
            services.relay,
            on_dead=relaying_held_up,
            on_cancelled=stop_relaying,
            delays=RELAY_DELAYS,
            at_once=settings.RELAY_CONNECTIONS,
        )
        notification_readers.append(note_delivery_status)
        registry.register("sweep", housekeeping.sweep, every=timedelta(hours=1))
        registry.register("rotate_intake_key", housekeeping.rotate_intake_key, every=intake.LIFETIME)
        intake.holders.append(housekeeping.intake_keys_in_use)
