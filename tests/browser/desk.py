"""A person at a browser of their own: what they do, in the words of the pages, and what their browser complains about.

Controls are found as people and tools find them, by their names. A complaint (an error on the console, an exception in a
script, a violation of the content security policy, a request to anywhere else) fails the test when the person leaves.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Download, Locator, Page, Request, expect

WIDE = {"width": 1280, "height": 860}
NARROW = {"width": 380, "height": 800}
PATIENCE = 30_000  # milliseconds: undo takes five seconds of a busy machine, sealing the rest
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`refused by the content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});
"""
# htmx logs as errors what the pages abort on purpose, because something newer has been asked.
ABORTED = r"htmx:(sendAbort|afterRequest), "
expect.set_options(timeout=PATIENCE)

File = str | Path | Mapping[str, object]  # a path, or {"name", "mimeType", "buffer"}


class Desk:
    def __init__(self, browser: Browser, url: str, name: str = "", password: str = "", **options: object) -> None:
        """`name` and `password` are used by `sign_in`; `options` are those of a browser context."""
        self.url, self.name, self.password = url, name, password
        self.context = browser.new_context(base_url=url, **{"viewport": WIDE} | options)
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(REPORT_VIOLATIONS)
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda failure: self.complaints.append(f"exception: {failure.error}"))
        self.context.on("request", self._asked)
        self.complaints: list[str] = []
        self._expected = [ABORTED]
        self.page: Page = self.context.new_page()

    # --- what the browser complains about ---------------------------------------------------------------------------

    def expects(self, *statuses: int) -> None:
        """Answers with these statuses are part of the test; Chromium and htmx put every one on the console."""
        self._expected += [pattern for status in statuses for pattern in (f"the server responded with a status of {status}\\b", f"Response Status Error Code {status}\\b")]

    def expects_complaint(self, pattern: str) -> None:
        self._expected.append(pattern)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{urlsplit(message.page.url).path if message.page else ''}: {message.text}")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and f"{parts.scheme}://{parts.netloc}" != self.url:
            self.complaints.append(f"asked elsewhere: {request.url}")

    @property
    def unexpected(self) -> list[str]:
        return [each for each in self.complaints if not any(re.search(pattern, each) for pattern in self._expected)]

    def leave(self) -> list[str]:
        """Closes the browser; what it complained about."""
        self.context.close()
        return [f"{self.name or 'somebody'}: {each}" for each in self.unexpected]

    # --- coming and going -------------------------------------------------------------------------------------------

    def go(self, path: str) -> "Desk":
        self.page.goto(path)
        return self

    def sign_in(self) -> "Desk":
        self.go("/sign-in/")
        self.page.get_by_label("User name").fill(self.name)
        self.page.get_by_label("Password").fill(self.password)
        self.button("Sign in").click()
        expect(self.button("Sign out")).to_be_visible()
        return self

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    # --- writing ----------------------------------------------------------------------------------------------------

    def new_message(self, **fields: object) -> "Desk":
        self.link("New message").click()
        return self.fill(**fields)

    def fill(self, *, to: str = "", subject: str = "", text: str = "", label: str = "", files: Iterable[File] = (), receipt: bool = False) -> "Desk":
        """Fills what is given into the compose page and waits until files have arrived."""
        if to:
            self.page.get_by_label("To").fill(to)
        if label:
            self.page.get_by_label("Security label").select_option(label=label)
        if subject:
            self.page.get_by_label("Subject").fill(subject)
        if text:
            self.page.get_by_label("Message").fill(text)
        if receipt:
            self.page.get_by_label("Request a signed receipt").check()
        for file in files:
            self.attach(file)
        return self

    def attach(self, file: File) -> None:
        before = self.attached.count()
        self.page.get_by_label("Attach files").set_input_files(file)
        expect(self.attached).to_have_count(before + 1)

    @property
    def attached(self) -> Locator:
        return self.page.locator("#files li")

    @property
    def outlook(self) -> Locator:
        """The sentence beside Send: what will happen, or why not."""
        return self.page.locator("#outlook")

    def send(self) -> str:
        """Presses Send; the id of the message that is on its way."""
        self.button("Send").click()
        return self.on_its_way()

    def on_its_way(self) -> str:
        expect(self.step("Accepted")).to_contain_text("done")
        expect(self.page).to_have_url(re.compile(r"/mail/messages/[0-9a-f]{32}/$"))
        return self.page.url.rstrip("/").rsplit("/", 1)[1]

    def step(self, name: str) -> Locator:
        return self.page.locator(".steps li").filter(has_text=name)

    # --- reading ----------------------------------------------------------------------------------------------------

    def row(self, subject: str) -> Locator:
        """The line with that subject in the list on this page."""
        return self.page.locator(".row").filter(has=self.page.locator(".subject", has_text=re.compile(rf"^\s*{re.escape(subject)}\s*$")))

    def open(self, subject: str) -> "Desk":
        """Opens a message of the list on this page, and waits until a worker has opened it."""
        self.row(subject).get_by_role("link").click()
        expect(self.page.get_by_role("heading", level=1, name=subject, exact=True)).to_be_visible()
        return self

    @property
    def letter(self) -> Locator:
        return self.page.locator(".letter")

    @property
    def assurance(self) -> Locator:
        """The sentences about signature and encryption."""
        return self.page.locator(".assurance")

    @property
    def markings(self) -> tuple[Locator, Locator]:
        """The label at the top and at the bottom of the page."""
        return self.page.locator("#marking-top"), self.page.locator("#marking-bottom")

    def download(self, control: Locator) -> Download:
        with self.page.expect_download() as expected:
            control.click()
        return expected.value
