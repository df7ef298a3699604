"""A browser without scripts, for tests against real processes: cookies, plain forms, links, files.

    alice = Browser(stack.url)
    alice.sign_in("alice", "her password")
    message_id = alice.send(to="bob", subject="Fuel", text="Ten tons.", classification="CONFIDENTIAL")

It keeps Secure cookies on http://127.0.0.1 as real browsers do (Python's cookie jar never sends them over http). What goes
wrong on the way (a connection that breaks, a page that says no) is an exception: OSError, HTTPException or Refused.
"""

import http.client
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

from lxml import html

MOST_REDIRECTS = 10
PIECE = 1024 * 1024  # of an upload, between two calls of `Browser.between`

Files = list[tuple[str, str, bytes]]  # (field, file name, content)


class Refused(AssertionError):
    """The page that came is not the one that was asked for."""


@dataclass
class Page:
    """What the portal answered, after redirects."""

    url: str
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @cached_property
    def tree(self) -> html.HtmlElement:
        return html.document_fromstring(self.body.decode())

    @property
    def text(self) -> str:
        return " ".join(self.tree.text_content().split())

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def select(self, path: str) -> list[html.HtmlElement]:
        """What an XPath finds; `class` tests need contains()."""
        return list(self.tree.xpath(path))

    def text_of(self, path: str) -> str:
        """The words of the first element that an XPath finds, "" if there is none."""
        found = self.select(path)
        return " ".join(found[0].text_content().split()) if found else ""

    def form(self, action: str) -> "Form":
        """The form that posts to an address ending in `action`."""
        for each in self.select("//main//form[@method='post']") + self.select("//form[@method='post']"):
            if urlsplit(urljoin(self.url, each.get("action"))).path.endswith(action):
                return Form.read(self.url, each)
        raise Refused(f"no form for {action} at {self.url} ({self.status}): {self.text[:300]}")

    def expect(self, status: int = 200) -> "Page":
        if self.status != status:
            raise Refused(f"{self.status} at {self.url}: {self.text[:300]}")
        return self


@dataclass
class Form:
    """A form with what it holds, to fill in and post."""

    url: str
    multipart: bool
    fields: list[tuple[str, str]]
    files: Files = field(default_factory=list)

    @classmethod
    def read(cls, url: str, element: html.HtmlElement) -> "Form":
        """What a browser would post if nothing were changed."""
        fields = [(name, value) for name, value in element.form_values() if element.inputs[name] is not None]
        return cls(urljoin(url, element.get("action")), element.get("enctype") == "multipart/form-data", fields)

    def fill(self, **values: str | list[str]) -> "Form":
        """Sets fields; a list sets a group of boxes."""
        for name, value in values.items():
            self.fields = [each for each in self.fields if each[0] != name]
            self.fields += [(name, each) for each in ([value] if isinstance(value, str) else value)]
        return self

    def to(self, ending: str) -> "Form":
        """The same fields, posted by the button whose address differs in its last part."""
        return Form(urljoin(self.url, ending), self.multipart, list(self.fields), list(self.files))

    def encoded(self) -> tuple[bytes, str]:
        """(body, content type)."""
        if not self.multipart:
            return urlencode(self.fields).encode(), "application/x-www-form-urlencoded"
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in self.fields
        ]
        for name, file_name, content in self.files:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
            parts += [f"{head}Content-Type: application/octet-stream\r\n\r\n".encode(), content, b"\r\n"]
        return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


@dataclass(frozen=True)
class Line:
    """One row of a folder; `subject` is None as long as no worker has opened it."""

    id: str
    subject: str | None
    marking: str
    unread: bool


class Browser:
    def __init__(self, url: str, *, between: Callable[[], None] = lambda: None, timeout: float = 30.0) -> None:
        """`between` is called after each piece of a large body that was handed over."""
        self.url, self.between, self.timeout = url, between, timeout
        self.cookies: dict[str, str] = {}

    # --- pages and forms --------------------------------------------------------------------------------------------

    def get(self, path: str) -> Page:
        return self._follow("GET", urljoin(self.url, path))

    def post(self, form: Form, *, follow: bool = True) -> Page:
        body, content_type = form.encoded()
        if not follow:
            return self._ask("POST", form.url, body, content_type)
        return self._follow("POST", form.url, body, content_type)

    def _follow(self, method: str, url: str, body: bytes = b"", content_type: str = "") -> Page:
        for _ in range(MOST_REDIRECTS):
            page = self._ask(method, url, body, content_type)
            location = dict(page.headers).get("Location")
            if page.status not in {301, 302, 303} or location is None:
                return page
            method, url, body, content_type = "GET", urljoin(url, location), b"", ""
        raise Refused(f"redirected for ever to {url}")

    def _ask(self, method: str, url: str, body: bytes, content_type: str) -> Page:
        parts = urlsplit(url)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if method == "POST":
            headers |= {"Content-Type": content_type, "Content-Length": str(len(body))}
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        with closing(http.client.HTTPConnection(parts.netloc, timeout=self.timeout)) as web:
            web.request(method, target, body=self._pieces(body) if body else None, headers=headers)
            response = web.getresponse()
            page = Page(url, response.status, response.getheaders(), response.read())
        self._keep_cookies(page)
        return page

    def _pieces(self, body: bytes) -> Iterator[bytes]:
        for start in range(0, len(body), PIECE):
            yield body[start : start + PIECE]
            self.between()

    def _keep_cookies(self, page: Page) -> None:
        for name, value in page.headers:
            if name.lower() == "set-cookie":
                for key, morsel in SimpleCookie(value).items():
                    if morsel.value and morsel["max-age"] != "0" and morsel["max-age"] != 0:
                        self.cookies[key] = morsel.value
                    else:
                        self.cookies.pop(key, None)

    # --- what people do ---------------------------------------------------------------------------------------------

    def try_to_sign_in(self, name: str, password: str) -> Page:
        return self.post(self.get("/sign-in/").expect().form("/sign-in/").fill(username=name, password=password))

    def sign_in(self, name: str, password: str) -> Page:
        page = self.try_to_sign_in(name, password)
        if page.path == "/sign-in/":
            raise Refused(f"{name} was not let in: {page.text[:300]}")
        return page.expect()

    def sign_out(self) -> Page:
        return self.post(self.get("/keys/").expect().form("/sign-out/")).expect()

    def compose(self, path: str = "/mail/new/", **fields: str) -> Form:
        """The form of a draft, filled in. `classification` is the name of a label that is offered."""
        page = self.get(path).expect()
        label = fields.pop("classification", None)
        form = page.form("/send").fill(**fields)
        if label is not None:
            choices = {each.text: each.get("value") for each in page.select("//select[@name='classification']/option")}
            form.fill(classification=choices[label])
        return form

    def save(self, form: Form) -> Page:
        """The draft as its page shows it after saving."""
        return self.post(form.to("save")).expect()

    def upload(self, form: Form, *files: tuple[str, bytes]) -> Page:
        """Saves the draft and hands over files (name, content); the draft's page with them."""
        with_files = form.to("attachments")
        with_files.files = [("files", name, content) for name, content in files]
        return self.post(with_files).expect()

    def send_form(self, form: Form) -> str:
        """Posts a draft's form; the message's id."""
        page = self.post(form)
        on_its_way = re.fullmatch(r"/mail/messages/([0-9a-f]{32})/", page.path)
        if on_its_way is None:
            outlook = page.text_of("//*[@id='outlook']")
            raise Refused(f"not sent ({page.status}): {outlook}")
        return on_its_way[1]

    def send(self, **fields: str) -> str:
        return self.send_form(self.compose(**fields))

    def lines(self, folder: str = "inbox") -> list[Line]:
        page = self.get(f"/mail/{folder}/").expect()
        found = []
        for row in page.select("//li[starts-with(@id, 'row-')]"):
            subject = row.xpath(".//*[@class='subject']/bdi")
            marking = row.xpath(".//*[contains(@class, 'label-')]")
            found.append(
                Line(
                    row.get("id").removeprefix("row-"),
                    subject[0].text_content() if subject else None,
                    marking[0].text_content().strip() if marking else "",
                    "unread" in row.get("class").split(),
                )
            )
        return found

    def open(self, delivery_id: str, folder: str = "inbox", tries: int = 30) -> Page:
        """The message's page; asks again as the page itself does while a worker has not opened it."""
        path = f"/mail/{folder}/{delivery_id}/"
        for _ in range(tries):
            page = self.get(path).expect()
            if page.select("//article[@data-opened]"):
                return page
            again = page.select("//*[@class='failure']//@hx-get") or page.select("//*[@class='failure']//a/@href")
            path = str(again[0])
        trouble = page.text_of("//*[@class='failure']")
        raise Refused(f"{delivery_id} did not open: {trouble}")

    def download(self, path: str) -> bytes:
        return self.get(path).expect().body
