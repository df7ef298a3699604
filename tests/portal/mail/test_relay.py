"""Mail to the outside: decided on by label, encrypted for a certificate that is trusted, handed to a relay at least once."""

import io
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.services import disable, enable
from portal.audit.services import SYSTEM, Refused
from portal.keys.models import Anchor, Certificate
from portal.keys.selectors import authority_pem
from portal.keys.services import add_certificate, add_revocation_list, withdraw_anchor, withdraw_certificate
from portal.mail import selectors, services, smtp
from portal.mail.models import Envelope, Message, Outbound
from portal.mail.services.release import end_release, release
from portal.outbox import services as outbox
from portal.outbox.models import Job
from portal.policy.services import revoke_clearance
from secmail.algorithms import AES256_GCM
from secmail.inspection import inspect_message
from secmail.streams import BytesSource
from tests.portal import outsiders
from tests.portal.organisation import CONFIDENTIAL, SECRET, UNCLASSIFIED, actor, events

pytestmark = pytest.mark.django_db

OLGA = "olga@elsewhere.example"


@pytest.fixture
def trusting(db, settings):
    outsiders.trust(outsiders.authority())
    settings.RELAY_HOST, settings.RELAY_TLS = "127.0.0.1", "none"


@pytest.fixture
def relay(organisation, trusting, settings):
    with outsiders.relay() as taking:
        settings.RELAY_PORT = taking.port
        yield taking


def authorities(folder) -> str:
    """The file that RELAY_CA_FILE names."""
    (folder / "anchors.pem").write_bytes(outsiders.authority().pem)
    return str(folder / "anchors.pem")


@pytest.fixture
def olga(organisation, trusting):
    """Somebody outside, whose certificate is known, and whose domain may be sent CONFIDENTIAL."""
    issued = outsiders.person(OLGA)
    assert not isinstance(add_certificate(actor=SYSTEM, address=OLGA, data=issued.pem), Refused)
    assert not isinstance(release(actor=SYSTEM, domain="elsewhere.example", classification=CONFIDENTIAL), Refused)
    return issued


def way(message_id: str) -> Outbound:
    return Outbound.objects.get(envelope__message=message_id)


def try_again(times: int = 1) -> None:
    """The waits between attempts are over."""
    for _ in range(times):
        Job.objects.filter(kind="relay").update(not_before=None)
        outbox.run_until_idle()


def opened_by_openssl(message: bytes, person, organisation, folder) -> bytes:
    """Decrypted with `openssl cms -decrypt` and verified with `openssl cms -verify` under the portal's authority."""
    for name, content in {"m": message, "key": person.key_pem, "cert": person.pem, "ca": authority_pem().encode()}.items():
        (folder / name).write_bytes(content)
    subprocess.run(
        ["openssl", "cms", "-decrypt", "-in", "m", "-inkey", "key", "-recip", "cert", "-out", "inner"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        ["openssl", "cms", "-verify", "-in", "inner", "-CAfile", "ca", "-out", "content"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return (folder / "content").read_bytes()


def test_somebody_outside_gets_what_stock_openssl_opens(organisation, relay, olga, tmp_path):
    message_id = organisation.send("alice", to=OLGA, subject="Fuel", text="Ten tons.")
    (message,) = relay.taken
    assert b"smime-type=enveloped-data" in message
    assert b"Ten tons" not in message
    content = opened_by_openssl(message, olga, organisation, tmp_path)
    assert b"Ten tons." in content
    assert b"Subject: Fuel\r\n\r\n" in content.partition(b"\r\n\r\n")[2]  # legacy display
    assert way(message_id).state == Outbound.State.SENT


def test_the_content_encryption_is_cbc_unless_capabilities_say_gcm(organisation, relay, olga):
    def encryption() -> dict[str, str]:
        message_id = organisation.send("alice", to=f"bob, {OLGA}")
        return dict(Envelope.objects.filter(message=message_id).values_list("kind", "content_encryption"))

    assert encryption() == {"shared": "AES-256-GCM", "outside": "AES-256-CBC"}
    Certificate.objects.filter(address=OLGA).update(capabilities=[AES256_GCM.oid])
    assert encryption() == {"shared": "AES-256-GCM", "outside": "AES-256-GCM"}


def test_the_envelope_names_the_user_and_asks_for_notifications(organisation, relay, olga):
    message_id = organisation.send("alice", to=OLGA)
    (envelope,) = relay.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("alice@portal.example", [OLGA])
    assert {"RET=HDRS", f"ENVID={way(message_id).id.upper()}"} <= set(envelope.mail_options)
    assert envelope.rcpt_options == ["NOTIFY=SUCCESS,FAILURE,DELAY", f"ORCPT=RFC822;{OLGA.upper()}"]


def test_people_outside_share_an_envelope_and_a_bcc_outside_has_its_own(organisation, relay, olga):
    other = outsiders.person("oscar@elsewhere.example")
    add_certificate(actor=SYSTEM, address="oscar@elsewhere.example", data=other.pem)
    message_id = organisation.send("alice", to=f"bob, {OLGA}", bcc="oscar@elsewhere.example")
    assert organisation.read("bob", organisation.delivery("bob", message_id).id).text.strip() == "Ten tons."
    kinds = {each.kind: each.outside for each in Envelope.objects.filter(message=message_id)}
    assert kinds == {"shared": [], "outside": [OLGA], "bcc": ["oscar@elsewhere.example"]}
    assert not any(b"oscar" in each.partition(b"\r\n\r\n")[0] for each in relay.taken)
    assert len(relay.taken) == 2


def test_what_leaves_names_no_key_of_anybody_here(organisation, relay, olga):
    """A program that knows no key agreement can't even take such a message apart, and how many read it here is nobody's business outside."""
    message_id = organisation.send("alice", to=f"bob, {OLGA}", cc="carol")
    (sent,) = relay.taken
    (layer, *_) = inspect_message(BytesSource(sent), now=timezone.now()).layers
    assert [each.kind for each in layer.recipients] == ["ktri"]
    bob, letter = organisation.user("bob"), organisation.delivery("bob", message_id)
    assert organisation.read("bob", letter.id).encrypted_for == 4
    assert OLGA in [each.address for each in selectors.readers(bob, actor(bob), letter.id)]


def test_nothing_leaves_to_a_domain_to_which_nothing_is_released(organisation, relay):
    add_certificate(actor=SYSTEM, address=OLGA, data=outsiders.person(OLGA).pem)
    _, outcome = organisation.submit("alice", to=OLGA, classification=UNCLASSIFIED)
    assert outcome == services.Refusal([f"{OLGA} may not be sent UNCLASSIFIED."])
    (event,) = events(verb="submitted")
    assert event.reason == "Somebody outside may not be sent UNCLASSIFIED."


def test_nothing_leaves_above_what_is_released_to_its_domain(organisation, relay, olga):
    _, outcome = organisation.submit("alice", to=OLGA, classification=SECRET)
    assert outcome == services.Refusal([f"{OLGA} may not be sent SECRET."])


def test_a_release_to_all_domains_does_not_count_for_one_that_is_named(organisation, relay, olga):
    end_release(actor=SYSTEM, domain="elsewhere.example")
    release(actor=SYSTEM, domain="*", classification=CONFIDENTIAL)
    _, outcome = organisation.submit("alice", to=OLGA, classification=UNCLASSIFIED)
    assert isinstance(outcome, services.Refusal)


def test_only_a_security_officer_releases(organisation):
    outcome = release(actor=actor(organisation.user("alice")), domain="elsewhere.example", classification=SECRET)
    assert isinstance(outcome, Refused)
    assert [event.outcome for event in events(verb="release_granted")] == ["refused"]


def test_a_release_that_ends_before_sealing_stops_the_message(organisation, relay, olga):
    draft_id, _ = organisation.submit("alice", to=OLGA)
    end_release(actor=SYSTEM, domain="elsewhere.example")
    outbox.run_until_idle()
    assert "may not be sent CONFIDENTIAL" in selectors.steps(organisation.user("alice"), draft_id).reason
    assert relay.taken == []


NO_LONGER = "You may no longer send this message"
WITHDRAWN = {
    "release": (lambda: end_release(actor=SYSTEM, domain="elsewhere.example"), f"{OLGA} may not be sent CONFIDENTIAL"),
    "lower release": (lambda: release(actor=SYSTEM, domain="elsewhere.example", classification=UNCLASSIFIED), f"{OLGA} may not be sent CONFIDENTIAL"),
    "clearance": (lambda: revoke_clearance(actor=SYSTEM, user=User.objects.get(username="alice")), f"{NO_LONGER}: there is no clearance."),
    "originator": (lambda: disable(actor=SYSTEM, user=User.objects.get(username="alice")), f"{NO_LONGER}: the account is disabled."),
    "certificate": (lambda: withdraw_certificate(actor=SYSTEM, certificate_id=certificate().id, reason="lost"), "was withdrawn by a registrar"),
    "authority": (lambda: withdraw_anchor(actor=SYSTEM, fingerprint=Anchor.objects.get().fingerprint), "is not trusted here"),
    "row of the certificate": (lambda: certificate().delete(), "is not known any more"),
    "validity": (lambda: Certificate.objects.filter(address=OLGA).update(not_after=timezone.now()), "no certificate"),
}


def certificate() -> Certificate:
    return Certificate.objects.get(address=OLGA)


def is_refused(organisation, relay, message_id: str, reason: str) -> bool:
    """Nothing has left, the originator reads the reason, and it is on record."""
    step = selectors.steps(organisation.user("alice"), message_id).steps[-1]
    (event,) = events(verb="relayed")
    return (relay.taken, way(message_id).state, event.outcome) == ([], "failed", "refused") and reason in step.note and reason in event.reason


@pytest.mark.parametrize("what", WITHDRAWN)
def test_what_is_withdrawn_after_sealing_stops_it_before_the_relay(organisation, relay, olga, what):
    (withdraw, reason), (draft_id, _) = WITHDRAWN[what], organisation.submit("alice", to=OLGA)
    outbox.run(outbox.claim())  # sealed
    assert not isinstance(withdraw(), Refused)
    outbox.run_until_idle()
    assert is_refused(organisation, relay, draft_id, reason)


def test_what_is_withdrawn_between_two_attempts_stops_the_next(organisation, relay, olga):
    relay.rcpt_answers.append("451 4.3.0 later")
    message_id = organisation.send("alice", to=OLGA)
    assert way(message_id).state == Outbound.State.WAITING
    revoke_clearance(actor=SYSTEM, user=organisation.user("alice"))
    try_again()
    assert is_refused(organisation, relay, message_id, f"{NO_LONGER}: there is no clearance.")


def test_what_delivery_here_has_refused_does_not_leave_either_whatever_comes_back(organisation, relay, olga):
    message_id, _ = organisation.submit("alice", to=f"bob, {OLGA}")
    outbox.run(outbox.claim())  # sealed
    disable(actor=SYSTEM, user=organisation.user("alice"))
    job = outbox.claim()
    outbox.run(job)
    enable(actor=SYSTEM, user=organisation.user("alice"))
    outbox.run_until_idle()
    assert (job.kind, Message.objects.get(id=message_id).state) == ("deliver", "refused")
    assert is_refused(organisation, relay, message_id, f"{NO_LONGER}: the account is disabled.")


def test_a_certificate_that_came_after_sealing_does_not_stand_in_for_the_one_withdrawn(organisation, relay, olga):
    draft_id, _ = organisation.submit("alice", to=OLGA)
    outbox.run(outbox.claim())  # sealed
    withdraw_certificate(actor=SYSTEM, certificate_id=certificate().id, reason="lost")
    assert not isinstance(add_certificate(actor=SYSTEM, address=OLGA, data=outsiders.person(OLGA, key="new").pem), Refused)
    outbox.run_until_idle()
    assert is_refused(organisation, relay, draft_id, f"The certificate of {OLGA} was withdrawn by a registrar")


def test_a_revocation_by_its_authority_stops_what_waits(organisation, relay, olga):
    draft_id, _ = organisation.submit("alice", to=OLGA)
    outbox.run(outbox.claim())  # sealed
    listed = outsiders.revocation_list(outsiders.authority(), olga).public_bytes(Encoding.DER)
    assert not isinstance(add_revocation_list(actor=SYSTEM, data=listed), Refused)
    outbox.run_until_idle()
    assert is_refused(organisation, relay, draft_id, "revoked")


def test_without_a_certificate_nothing_is_sent_and_the_check_names_whose_is_missing(organisation, relay):
    release(actor=SYSTEM, domain="elsewhere.example", classification=CONFIDENTIAL)
    _, outcome = organisation.submit("alice", to=f"bob, {OLGA}")
    assert outcome == services.Refusal([f"There is no certificate for {OLGA}, so nothing can be encrypted for them."])
    (event,) = events(verb="submitted")
    assert event.reason == "There is no certificate for somebody outside."


def test_without_a_relay_nothing_is_sent_outside(organisation, olga, settings):
    settings.RELAY_HOST = ""
    _, outcome = organisation.submit("alice", to=OLGA)
    assert "no relay" in outcome.problems[0]


@pytest.mark.parametrize("typed", ["nobody@portal.example", "nobody@PORTAL.example", "x@@y", "a b@elsewhere.example", "olga@elsewhere"])
def test_what_is_no_address_outside_is_not_known_here(organisation, relay, typed):
    _, outcome = organisation.submit("alice", to=typed)
    assert "is not known here" in outcome.problems[0]


def test_a_relay_that_is_away_is_asked_again(organisation, olga, settings):
    settings.RELAY_PORT = 1
    message_id = organisation.send("alice", to=OLGA)
    assert way(message_id).state == Outbound.State.WAITING
    assert Job.objects.get(kind="relay").reason == "there is no connection to the relay"
    with outsiders.relay() as relay:
        settings.RELAY_PORT = relay.port
        try_again()
    assert len(relay.taken) == 1
    assert way(message_id).state == Outbound.State.SENT


@pytest.mark.parametrize("where", ["rcpt_answers", "data_answers"])
def test_a_temporary_refusal_is_tried_again(organisation, relay, olga, where):
    getattr(relay, where).append("451 4.3.0 later")
    message_id = organisation.send("alice", to=OLGA)
    assert Job.objects.get(kind="relay").reason == "the relay answered 451"
    try_again()
    assert way(message_id).state == Outbound.State.SENT


@pytest.mark.parametrize("where", ["rcpt_answers", "data_answers"])
def test_a_final_refusal_is_told_to_the_originator(organisation, relay, olga, where):
    getattr(relay, where).append("550 5.1.1 no such\ta mailbox")
    message_id = organisation.send("alice", to=OLGA)
    assert (way(message_id).state, way(message_id).reason) == ("failed", "The relay refused it: 550 5.1.1 no such a mailbox")
    step = selectors.steps(organisation.user("alice"), message_id).steps[-1]
    assert (step.name, step.state) == (OLGA, "failed")
    assert [event.outcome for event in events(verb="relayed", about=OLGA)] == ["refused"]


def test_an_answer_that_is_lost_after_data_makes_it_go_again_with_the_same_message_id(organisation, relay, olga):
    relay.data_answers.append("drop")
    message_id = organisation.send("alice", to=OLGA)
    assert way(message_id).marked_at
    try_again()
    first, second = relay.taken
    assert first == second
    assert [event.reason for event in events(verb="relayed")] == ["again: it may have arrived before"]


def test_a_relay_that_wants_another_password_is_no_fault_of_the_message(organisation, relay, olga):
    relay.rcpt_answers.append("530 5.7.0 authentication required")
    message_id = organisation.send("alice", to=OLGA)
    assert way(message_id).state == Outbound.State.WAITING


def test_lines_that_begin_with_a_dot_arrive_as_they_are(relay):
    beginning = b"A: b\r\n\r\n.\r\n..x\r\n"
    filling = b"x" * 500 + b"\r\n"
    content = (beginning + filling * 200)[: smtp.PIECE - 2] + b"\r\n.at the border of two pieces\r\n.\r\n"
    letter = smtp.Letter("a@b.example", "c@d.example", "0", len(content))
    smtp.hand_over(letter, io.BytesIO(content), mark=lambda: None, keep=lambda: None)
    assert relay.taken == [content]


@pytest.mark.parametrize("mode", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("host", "anchors", "sent"), [("localhost", "own", True), ("localhost", "system", False), ("other.example", "own", False)]
)
def test_with_tls_the_relay_must_prove_its_name(organisation, olga, settings, tmp_path, mode, host, anchors, sent):  # noqa: PLR0917
    settings.RELAY_HOST, settings.RELAY_TLS = "localhost", mode
    settings.RELAY_CA_FILE = authorities(tmp_path) if anchors == "own" else None
    with outsiders.relay(tls=outsiders.server(host), folder=tmp_path, mode=mode) as relay:
        settings.RELAY_PORT = relay.port
        organisation.send("alice", to=OLGA)
    assert bool(relay.taken) is sent
    if not sent:
        assert Job.objects.get(kind="relay").reason == "the relay's certificate or TLS is not in order"


@pytest.mark.parametrize("mode", ["starttls", "tls"])
@pytest.mark.parametrize(("password", "reason"), [("right", ""), ("wrong", "the relay did not accept RELAY_USER and RELAY_PASSWORD")])
def test_the_relay_is_told_who_sends_inside_of_tls(organisation, olga, settings, tmp_path, capfd, mode, password, reason):  # noqa: PLR0917
    settings.RELAY_HOST, settings.RELAY_TLS, settings.RELAY_CA_FILE = "localhost", mode, authorities(tmp_path)
    settings.RELAY_USER, settings.RELAY_PASSWORD = "portal", f"{password} secret"
    with outsiders.relay(tls=outsiders.server("localhost"), folder=tmp_path, mode=mode, user=("portal", "right secret")) as relay:
        settings.RELAY_PORT = relay.port
        message_id = organisation.send("alice", to=OLGA)
    assert way(message_id).state == ("waiting" if reason else "sent")
    assert (Job.objects.get(kind="relay").reason, len(relay.taken)) == (reason, 0 if reason else 1)
    assert "secret" not in "".join(capfd.readouterr())


def test_a_relay_that_wants_to_know_who_sends_gets_nothing_from_who_does_not_say(organisation, olga, settings, tmp_path):
    settings.RELAY_HOST, settings.RELAY_TLS, settings.RELAY_CA_FILE = "localhost", "tls", authorities(tmp_path)
    with outsiders.relay(tls=outsiders.server("localhost"), folder=tmp_path, mode="tls", user=("portal", "secret")) as relay:
        settings.RELAY_PORT = relay.port
        assert way(organisation.send("alice", to=OLGA)).state == Outbound.State.WAITING
    assert Job.objects.get(kind="relay").reason == "the relay answered 530"


def test_a_relay_without_starttls_gets_nothing_if_it_is_asked_for(organisation, relay, olga, settings):
    settings.RELAY_TLS = "starttls"
    organisation.send("alice", to=OLGA)
    assert relay.taken == []


def test_a_way_that_is_given_up_is_said_and_begins_again_when_the_operator_says_so(organisation, olga, settings):
    settings.RELAY_PORT = 1
    message_id = organisation.send("alice", to=OLGA)
    try_again(times=52)
    assert "held up" in way(message_id).reason
    job = Job.objects.get(kind="relay")
    assert (job.state, job.attempts) == ("dead", 53)
    with outsiders.relay() as relay:
        settings.RELAY_PORT = relay.port
        outbox.retry_dead(job)
        outbox.run_until_idle()
    assert (way(message_id).state, way(message_id).reason) == ("sent", "")


def test_the_steps_and_the_readers_name_each_address_outside(organisation, relay, olga):
    message_id = organisation.send("alice", to=OLGA)
    alice = organisation.user("alice")
    step = selectors.steps(alice, message_id).steps[-1]
    assert (step.name, step.state, step.note) == (OLGA, "done", "sent")
    sent = organisation.delivery("alice", message_id, "sent")
    readers = {each.address: each.may_read for each in selectors.readers(alice, actor(alice), sent.id)}
    assert readers == {"alice@portal.example": True, OLGA: True}


def test_an_expired_certificate_does_not_count_any_more(organisation, relay, olga):
    Certificate.objects.filter(address=OLGA).update(not_after=timezone.now())
    _, outcome = organisation.submit("alice", to=OLGA)
    assert "no certificate" in outcome.problems[0]
