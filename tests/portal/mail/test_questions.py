"""What reading asks the database, and why: each question costs a page about a millisecond, and none is asked twice for the same page."""

import re
from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db

WEB = [
    ("keys_unlockedsession", "which session it is"),
    ("accounts_user", "whose: two questions for one with a join cost a third"),
    ("accounts_role", "as what they act: for the audit and the navigation"),
    ("accounts_user", "what they hold under the policy in force, now"),
    ("policy_label", "which labels there are: those that this opens"),
    ("keys_intakekey", "what to seal the call to the worker to"),
    ("mail_delivery", "how many are unread"),
]
WORKER = [
    ("keys_intakekey", "what the call was sealed to"),
    ("keys_unlockedsession", "whether the session is still running"),
    ("accounts_user", "whether its person still is here"),
]
FOLDER = [*WEB, *WORKER, ("mail_delivery", "the rows"), ("policy_label", "the words of their labels"), ("keys_privatekey", "what opens their lines")]
OPENING = [
    *WEB, *WORKER,
    ("mail_delivery", "whether it is so large that opening takes a page of its own"),
    ("mail_delivery", "the one door: whose it is and which label it has"),
    ("accounts_user", "what they hold, at the moment of opening"),
    ("audit_event", "that it was opened, or was not"),
    ("keys_certificate", "all certificates of theirs that mail may be encrypted to, with the keys"),
    ("keys_authority", "whom the portal believes"),
    ("mail_delivery", "what stands beside the content"),
    ("mail_envelope", "for how many it is encrypted, outside of here, too"),
    ("mail_delivery", "that it is read"),
]  # fmt: skip
WITHIN = re.compile(r"\(SELECT [^()]*\)")
TABLE = re.compile(r'(?:FROM|INTO|UPDATE) "?(\w+)')


def asked(client, url: str, **headers: str) -> Counter[str]:
    """How often each table, by a page that was there before: what a process learns only once is known."""
    assert client.get(url, secure=True, headers=headers).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        client.get(url, secure=True, headers=headers)
    found = (TABLE.search(WITHIN.sub("", each["sql"])) for each in captured)
    return Counter(each[1] for each in found if each)


def allowed(questions: list[tuple[str, str]]) -> Counter[str]:
    return Counter(table for table, _ in questions)


@pytest.mark.parametrize("messages", [1, 4])
def test_a_page_of_a_folder_asks_as_much_for_one_row_as_for_many(organisation, messages):
    for number in range(messages):
        organisation.send("alice", subject=f"Number {number}")
    assert asked(organisation.browser("bob"), "/mail/inbox/") <= allowed(FOLDER)


def test_opening_a_message_asks_at_the_door_and_before_it(organisation):
    delivery = organisation.delivery("bob", organisation.send("alice"))
    found = asked(organisation.browser("bob"), f"/mail/inbox/{delivery.id}/", **{"HX-Request": "true"})
    assert found <= allowed(OPENING)
    assert found["audit_event"] == 1
    assert found["accounts_user"] == 4


def test_polling_a_folder_in_which_nothing_changed_asks_for_its_rows_and_no_worker(organisation):
    organisation.send("alice")
    bob = organisation.browser("bob")
    state = bob.get("/mail/inbox/new-since?rows", secure=True)["ETag"]
    with CaptureQueriesContext(connection) as captured:
        assert bob.get("/mail/inbox/new-since?rows", secure=True, headers={"If-None-Match": state}).status_code == 304
    assert len(captured) <= 7
