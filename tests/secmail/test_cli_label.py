"""``label show``, ``label decide`` and ``label marking``."""

import base64

import pytest
from commandline import CommandLine
from lxml import etree
from pki import SHARED

SPIF = """<SPIF><securityPolicyId name="Acme" id="1.2.3.4"/><securityClassifications>
<securityClassification name="OPEN" lacv="1" hierarchy="1"/><securityClassification name="SECRET" lacv="3" hierarchy="4"/>
</securityClassifications></SPIF>"""
LABEL = bytes.fromhex("31 08 02 01 03 06 03 2a 03 04")
CLEARANCE = "<clearance xmlns='http://surevine.com/xmlns/spiffy'><policy id='1.2.3.4'/><classification lacv='{}'/></clearance>"


@pytest.fixture
def labelled(secmail: CommandLine) -> CommandLine:
    secmail.write("spif.xml", SPIF)
    secmail.write("label.der", LABEL)
    secmail.write("label.pem", b"-----BEGIN LABEL-----\n" + base64.encodebytes(LABEL) + b"-----END LABEL-----\n")
    secmail.write("label.xml", "<label xmlns='http://surevine.com/xmlns/spiffy'><policy id='1.2.3.4'/><classification lacv='3'/></label>")
    secmail.write("cleared.xml", CLEARANCE.format(3))
    secmail.write("open.xml", CLEARANCE.format(1))
    return secmail


@pytest.mark.parametrize("name", ["label.der", "label.pem", "label.xml"])
def test_labels_are_read_in_every_form(labelled: CommandLine, name: str) -> None:
    expected = {"policy": "1.2.3.4", "classification": 3, "privacy_mark": None, "categories": []}
    assert labelled(f"label show --json {name}").json == expected
    assert labelled(f"label marking --policy spif.xml {name}").out == b"Acme SECRET\n"
    assert labelled(f"label show --policy spif.xml --label {name}").out == b"policy: 1.2.3.4 Acme\nclassification: SECRET (3)\n"


def test_the_decision_is_the_exit_status_and_its_reason_one_line(labelled: CommandLine) -> None:
    decide = "label decide --policy spif.xml --label label.der --clearance"
    granted, refused = labelled(f"{decide} cleared.xml"), labelled(f"{decide} open.xml")
    assert (granted.status, granted.out) == (0, b"granted: the clearance includes all that the label requires\n")
    assert (refused.status, refused.out) == (1, b"refused: the clearance does not include SECRET\n")
    assert labelled(f"{decide} open.xml --json").json == {"granted": False, "reason": "the clearance does not include SECRET"}


def test_results_go_to_a_file_too(labelled: CommandLine) -> None:
    for command in (
        "label show --policy spif.xml label.der",
        "label show --json label.der",
        "label decide --policy spif.xml --label label.der --clearance open.xml",
        "label decide --policy spif.xml --label label.der --clearance open.xml --json",
        "label marking --policy spif.xml label.der",
        "label marking --policy spif.xml --json label.der",
    ):
        told = labelled(command)
        assert labelled(f"{command} -o result").out == b""
        assert labelled.read("result") == told.out != b""
    assert labelled("label marking --policy spif.xml --json label.der").json == {"marking": "Acme SECRET"}


def test_what_is_no_label_clearance_or_policy_is_malformed(labelled: CommandLine) -> None:
    decide = "label decide --policy {} --label {} --clearance {}"
    for files in (("label.der", "label.der", "open.xml"), ("spif.xml", "open.xml", "open.xml"), ("spif.xml", "label.der", "spif.xml")):
        ended = labelled(decide.format(*files))
        assert ended.status == 3
        assert ended.err.count("\n") == 1
    assert labelled(decide.format("spif.xml", "nowhere", "open.xml")).err == "secmail: nowhere: No such file or directory\n"


def test_a_label_of_another_policy_is_refused(labelled: CommandLine) -> None:
    labelled.write("label.xml", "<label xmlns='http://surevine.com/xmlns/spiffy'><policy id='1.2.3.5'/><classification lacv='3'/></label>")
    assert labelled("label decide --policy spif.xml --label label.xml --clearance cleared.xml").status == 1
    assert labelled("label marking --policy spif.xml label.xml").status == 1


@pytest.mark.skipif(not (SHARED / "spif").is_dir(), reason="../shared/vectors is not here")
def test_the_published_labels_give_the_published_results(secmail: CommandLine) -> None:
    folder = SHARED / "spif"
    for test in etree.parse(str(folder / "tests.xml")).iterfind(".//test"):
        label, clearance, policy = folder / test.get("label"), folder / (test.get("clearance") or "food-clearance-all-okay.xml"), folder / "food-policy.xml"
        if test.get("label-marking"):
            assert secmail(f"label marking --policy {policy} {label}").out.decode().strip() == test.get("label-marking")
        if test.get("clearance-marking"):
            marked = secmail(f"label marking --policy {policy} --clearance {clearance}").out.decode().strip()
            assert marked == test.get("clearance-marking")
        decided = secmail(f"label decide --policy {policy} --label {label} --clearance {clearance}").status
        if test.get("acdf-result"):
            assert decided == (0 if test.get("acdf-result") == "1" else 1)
        if test.get("exception") or test.get("valid") == "false":
            assert decided == 1
