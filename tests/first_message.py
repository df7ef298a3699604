"""From what `manage.py bootstrap` printed to a message that somebody has opened, through the pages, as people do it.

    python -m tests.first_message http://127.0.0.1:8000 our.domain < what-bootstrap-printed
"""

import re
import sys

from tests.http import Browser
from tests.stack import ROOT, wait_for

PASSWORD = "four words and seven oxen"
POLICY = ROOT / "portal" / "policy" / "demo-policy.xml"


def first_message(url: str, printed: str, *, domain: str = "portal.example", attached: bytes = b"a plan") -> dict[str, Browser]:
    """The people it takes, signed in: the administrator, the officer, nora who wrote and otto who read. Fails if anything does."""
    links = dict(re.findall(r"\((\w+)\):\s+http\S+?(/invitation/\S+)", printed))
    people = {name: _join(url, name, links[name]) for name in ("administrator", "officer")}
    _load_policy(people["officer"])
    for name in ("nora", "otto"):
        people[name] = _join(url, name, _invite(people["administrator"], f"{name}@{domain}"))
        _grant(people["officer"], name)
    nora, otto = people["nora"], people["otto"]
    page = nora.upload(nora.compose(to="otto", subject="The first", text="Does it arrive?", classification="CONFIDENTIAL"), ("plan.bin", attached))
    nora.send_form(page.form("/send"))
    line = wait_for(lambda: next((each for each in otto.lines() if each.subject == "The first"), None), within=90, what="arrived")
    opened = otto.open(line.id)
    assert "Does it arrive?" in opened.text
    assert otto.download(str(opened.select("//section[@class='enclosures']//a/@href")[0])) == attached
    return people


def _join(url: str, name: str, path: str) -> Browser:
    browser = Browser(url)
    accept = browser.get(path).expect().form("/")
    browser.post(accept.fill(password=PASSWORD + name, again=PASSWORD + name)).expect()
    browser.sign_in(name, PASSWORD + name)
    return browser


def _invite(administrator: Browser, address: str) -> str:
    form = administrator.get("/administration/").expect().form("/invite/")
    name = address.split("@", maxsplit=1)[0]
    form.fill(username=name, display_name=name.title(), address=address)
    link = str(administrator.post(form).expect().select("//input[@id='link']/@value")[0])
    return "/invitation/" + link.split("/invitation/")[1]


def _load_policy(officer: Browser) -> None:
    form = officer.get("/policy/in-force/").expect().form("/load/")
    form.files.append(("spif", POLICY.name, POLICY.read_bytes()))
    officer.post(form).expect()


def _grant(officer: Browser, name: str) -> None:
    person = str(officer.get("/policy/clearances/").expect().select(f"//a[contains(., '{name}') or contains(., '{name.title()}')]/@href")[0])
    officer.post(officer.get(person).expect().form("/grant/").fill(classification="3")).expect()


if __name__ == "__main__":
    first_message(sys.argv[1], sys.stdin.read(), domain=sys.argv[2])
    print("a message was written, signed, encrypted, delivered and opened")
