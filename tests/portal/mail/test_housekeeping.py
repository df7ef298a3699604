"""What must go, goes, and nothing else."""

import os
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from portal.keys import intake, objects
from portal.keys.models import IntakeKey, UnlockedSession
from portal.keys.sealing import SealBroken
from portal.mail.models import Arrival, Envelope
from portal.mail.services import housekeeping
from portal.outbox import services as outbox
from portal.outbox.models import Job
from portal.policy.services import label_row
from tests.portal.organisation import UNCLASSIFIED

pytestmark = pytest.mark.django_db


def aged(name: str, **age: float) -> str:
    moment = (timezone.now() - timedelta(**age)).timestamp()
    os.utime(default_storage.path(name), (moment, moment))
    return name


def orphan() -> str:
    with objects.create() as (name, file):
        file.write(b"left behind")
    return name


def test_an_object_that_no_row_has_named_for_a_day_goes(organisation):
    old, young = aged(orphan(), hours=25), orphan()
    housekeeping.sweep(None)
    assert not default_storage.exists(old)
    assert default_storage.exists(young)


def test_an_object_that_a_row_names_stays_however_old(organisation):
    organisation.send("alice")
    name = aged(Envelope.objects.get().object_name, days=400)
    housekeeping.sweep(None)
    assert default_storage.exists(name)


def test_a_repeat_is_known_for_a_month_and_what_is_not_accepted_yet_for_ever(organisation, settings):
    old, older = timezone.now() - timedelta(days=29), timezone.now() - timedelta(days=31)
    label = label_row(classification=UNCLASSIFIED)
    for name, object_name, arrived_at in (("young", "", old), ("old", "", older), ("waiting", "still-sealed", older)):
        Arrival.objects.create(repeat_of=name, object_name=object_name, arrived_at=arrived_at, size=1, sealed_key=b"", recipients=[], label=label)
    housekeeping.sweep(None)
    assert sorted(Arrival.objects.values_list("repeat_of", flat=True)) == ["waiting", "young"]


def test_sessions_that_are_over_go(organisation):
    organisation.vault("alice")
    UnlockedSession.objects.update(renewed_at=timezone.now() - timedelta(minutes=20))
    organisation.vault("bob")
    housekeeping.sweep(None)
    assert UnlockedSession.objects.get().user.username == "bob"


def test_a_new_intake_key_is_made_daily_and_an_old_private_half_destroyed(organisation):
    sealed = intake.seal(b"old", b"")
    IntakeKey.objects.update(created_at=timezone.now() - timedelta(days=3))
    housekeeping.rotate_intake_key(None)()
    assert intake.seal(b"new", b"").intake_key != sealed.intake_key
    assert IntakeKey.objects.get(id=sealed.intake_key).wrapped_private is None
    with pytest.raises(SealBroken):
        intake.unseal(sealed, b"")


def test_an_intake_key_that_a_waiting_message_names_is_kept(organisation):
    message_id, _ = organisation.submit("alice")
    IntakeKey.objects.update(created_at=timezone.now() - timedelta(days=3))
    housekeeping.rotate_intake_key(None)()
    outbox.run_until_idle()
    assert organisation.delivery("bob", message_id)


def test_each_period_has_one_job_of_each_periodic_kind(organisation):
    outbox.enqueue_periodic()
    outbox.enqueue_periodic()
    assert sorted(Job.objects.values_list("kind", flat=True)) == ["rotate_intake_key", "sweep"]


def test_an_intake_key_that_the_configured_identity_did_not_sign_is_not_used(organisation, settings):
    settings.IDENTITY_FILE.write_text("0" * 64)
    with pytest.raises(intake.IntakeUnavailable):
        intake.seal(b"password", b"")


def test_a_swapped_intake_key_is_not_used(organisation):
    from portal.keys.sealing import new_key_pair

    IntakeKey.objects.update(public=new_key_pair()[1])
    with pytest.raises(intake.IntakeUnavailable):
        intake.seal(b"password", b"")
