"""``expand``: the mail list agent passes a message on to the members who may have it."""

import pytest
from commandline import AT, CommandLine
from pki import certificate

from secmail.labels import Clearance

SPIF = """<SPIF><securityPolicyId name="Acme" id="1.3.6.1.4.1.32473.9"/><securityClassifications>
<securityClassification name="OPEN" lacv="1" hierarchy="1"/><securityClassification name="SECRET" lacv="4" hierarchy="4"/>
</securityClassifications></SPIF>"""
WRAP = "wrap --key ada.pem --cert ca.crt --recipient list.crt --receipt-from all --policy spif.xml --classification SECRET -o sent.eml letter.eml"
EXPAND = "expand --key list.pem --cert ca.crt --trust root.crt --member carl.crt --member bob.crt -o out.eml"


def sent(secmail: CommandLine) -> CommandLine:
    secmail.write("spif.xml", SPIF)
    assert secmail(WRAP).status == 0
    return secmail


def test_members_open_what_was_sent_to_the_list(secmail: CommandLine) -> None:
    ended = sent(secmail)(f"{EXPAND} sent.eml")
    assert (ended.status, ended.err) == (0, "secmail: for 2 of 2 members\n")
    shown = secmail("open --trust root.crt --key carl.pem --json out.eml").json
    assert [each["kind"] for each in shown["layers"]] == ["signed", "enveloped", "signed", "mime"]
    (entry,) = shown["ml_expansion_history"]
    assert (entry["time"], entry["receipt_policy"]) == ("2026-03-01T12:00:00Z", None)
    assert f"{certificate('list').serial_number:x}" in entry["entity"]
    assert (shown["verdict"], shown["from"]["matches_signer"]) == ("verified", True)


@pytest.mark.parametrize(
    "rest",
    [
        "--member carl.crt bob.crt sent.eml",
        "--member carl.crt bob.crt --receipt-policy none sent.eml",
        "sent.eml --member carl.crt bob.crt",
        "--member carl.crt --member bob.crt sent.eml",
        "--member carl.crt bob.crt -",
        "--member carl.crt --member bob.crt",
    ],
)
def test_the_message_is_the_last_argument_wherever_members_stand(secmail: CommandLine, rest: str) -> None:
    """MESSAGE behind ``--member A B`` is the message and no member; without a name it comes from standard input."""
    sent(secmail)
    list_agent = "expand --key list.pem --cert ca.crt --trust root.crt -o out.eml"
    ended = secmail.process(f"{list_agent} --at {AT} {rest}", secmail.read("sent.eml"))
    assert (ended.status, ended.err) == (0, "secmail: for 2 of 2 members\n")


def test_a_certificate_where_the_message_belongs_is_said_to_be_one(secmail: CommandLine) -> None:
    ended = secmail("expand --key list.pem --cert ca.crt --trust root.crt -o out.eml --member carl.crt bob.crt")
    assert (ended.status, ended.err) == (3, "secmail: bob.crt: no message, but a PEM block CERTIFICATE\n")


def test_if_nobody_may_have_it_each_member_is_named_with_the_reason(secmail: CommandLine) -> None:
    sent(secmail)
    (secmail.folder / "clearances").mkdir()
    low = Clearance("1.3.6.1.4.1.32473.9", frozenset({1})).to_der()
    secmail.write("clearances/carl@example.org.der", low)
    ended = secmail(f"{EXPAND} --policy spif.xml --clearances clearances sent.eml")
    assert (ended.status, "out.eml" in secmail.names()) == (1, False)
    assert ended.err.splitlines() == [
        "secmail: left out: carl@example.org: the clearance does not include SECRET",
        "secmail: left out: bob@example.org: there is no clearance",
        "secmail: sent.eml: the list has no member who may have the message; tell list@example.org, who owns the list",
    ]


def test_the_lists_receipt_policy_goes_along(secmail: CommandLine) -> None:
    sent(secmail)
    for given, policy in (
        ("none", {"none": True}),
        ("insteadOf:desk@example.org", {"insteadOf": [["desk@example.org"]]}),
        ("inAdditionTo:a@example.org,b@example.org", {"inAdditionTo": [["a@example.org"], ["b@example.org"]]}),
    ):
        assert secmail(f"{EXPAND} --receipt-policy {given} sent.eml").status == 0
        history = secmail("open --trust root.crt --key carl.pem --json out.eml").json["ml_expansion_history"]
        assert [each["receipt_policy"] for each in history] == [policy]
    assert secmail(f"{EXPAND} --receipt-policy insteadOf sent.eml").status == 2


def test_members_without_the_clearance_are_left_out_and_named(secmail: CommandLine) -> None:
    """Clearances are found by address, fingerprint or the member's file; none means none."""
    sent(secmail)
    cleared = Clearance("1.3.6.1.4.1.32473.9", frozenset({1, 4})).to_der()
    (secmail.folder / "clearances").mkdir()
    secmail.write("clearances/carl@example.org.der", cleared)
    secmail.write(f"clearances/{certificate('gwen').fingerprint.hex()}.der", cleared)
    secmail.write("clearances/rita.xml", "<clearance xmlns='http://surevine.com/xmlns/spiffy'><policy id='1.3.6.1.4.1.32473.9'/><classification lacv='1'/></clearance>")
    members = "--member gwen.crt --member rita.crt --policy spif.xml --clearances clearances"
    ended = secmail(f"{EXPAND} {members} sent.eml")
    assert ended.err.splitlines() == [
        "secmail: left out: bob@example.org: there is no clearance",
        "secmail: left out: rita@example.org: the clearance does not include SECRET",
        "secmail: for 2 of 4 members",
    ]
    assert len(secmail("show --json out.eml").json["layers"][1]["recipients"]) == 2
    assert secmail("open --trust root.crt --key bob.pem out.eml").status == 1


def test_a_list_by_clearances_passes_on_nothing_unlabelled(secmail: CommandLine) -> None:
    (secmail.folder / "clearances").mkdir()
    secmail.write("spif.xml", SPIF)
    secmail("wrap --key ada.pem --cert ca.crt --recipient list.crt -o sent.eml letter.eml")
    ended = secmail(f"{EXPAND} --policy spif.xml --clearances clearances sent.eml")
    assert (ended.status, "out.eml" in secmail.names()) == (1, False)
    assert secmail(f"{EXPAND} --policy spif.xml sent.eml").status == 2


def test_a_message_that_comes_back_is_a_loop(secmail: CommandLine) -> None:
    sent(secmail)
    secmail(f"{EXPAND} --member list.crt sent.eml")
    ended = secmail(f"{EXPAND.replace('out.eml', 'again.eml')} --owner postmaster@example.org out.eml")
    assert ended.status == 1
    assert "tell postmaster@example.org" in ended.err
    assert "again.eml" not in secmail.names()


def test_a_message_nobody_can_verify_is_not_passed_on(secmail: CommandLine) -> None:
    sent(secmail)
    assert secmail(f"{EXPAND} sent.eml".replace("--trust root.crt", "")).status == 1
    assert secmail(f"{EXPAND} --cert root.crt sent.eml".replace("--trust root.crt", "")).status == 0
    secmail("wrap --key mallory.pem --recipient list.crt -o forged.eml letter.eml")
    assert secmail(f"{EXPAND} forged.eml").status == 1
