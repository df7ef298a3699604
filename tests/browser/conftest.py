"""One portal and one Chromium for all browser tests; a fresh browser context for each person.

All of it ends with the last of these tests: Playwright's loop, which runs in their thread, would disturb others.
"""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState, sync_playwright

from tests.browser.desk import Desk
from tests.browser.post import Post, post_everything
from tests.stack import Stack

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

Sit = Callable[..., Desk]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM.exists():
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(f"Debian's Chromium is not installed ({CHROMIUM})"))


def demo_passwords(stack: Stack) -> dict[str, str]:
    """As scripts learn them."""
    return {each["user"]: each["password"] for each in json.loads(stack.run_manage("demo_accounts", "--json"))}


@contextlib.contextmanager
def without_table(stack: Stack, name: str) -> Iterator[None]:
    """What asks for it fails as it would with a database that is busy, but at once and not after twenty seconds."""
    with contextlib.closing(sqlite3.connect(stack.data / "portal.sqlite3", timeout=20)) as database:
        database.execute(f"ALTER TABLE {name} RENAME TO away")
        try:
            yield
        finally:
            database.execute(f"ALTER TABLE away RENAME TO {name}")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def portal(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The real thing with its demo organisation; sending can be undone for five seconds, as by default."""
    with Stack(tmp_path_factory.mktemp("browser") / "data", demo=True, UNDO_SECONDS="5", MESSAGE_MAX_SIZE="50000000") as stack:
        yield stack


@pytest.fixture(scope="package")
def passwords(portal: Stack) -> dict[str, str]:
    return demo_passwords(portal)


@pytest.fixture(scope="package")
def post(portal: Stack, passwords: dict[str, str]) -> Post:
    """Mail that is there already: sent once, without a browser, for tests that only look at it."""
    return post_everything(portal, passwords)


@pytest.fixture(scope="package")
def sessions() -> dict[str, StorageState]:
    """The cookies of people who signed in before: signing in is looked at in tests of its own."""
    return {}


@pytest.fixture
def sit(chromium: Browser, portal: Stack, passwords: dict[str, str], sessions: dict[str, StorageState]) -> Iterator[Sit]:
    """sit("alice") is Alice at her inbox, in a browser of her own; sit() is somebody who is not signed in.

    Whoever ends a session or changes a password says `anew=True` and has one that nobody else uses.
    """
    desks: list[Desk] = []

    def sit_down(name: str = "", *, anew: bool = False, signed_in: bool = True, **options: object) -> Desk:
        known = None if anew else sessions.get(name)
        desk = Desk(chromium, portal.url, name, passwords.get(name, ""), **options, **({"storage_state": known} if known else {}))
        desks.append(desk)
        if name and signed_in and not known:
            desk.sign_in()
        if name and not known and not anew:
            sessions[name] = desk.context.storage_state()
        return desk.go("/") if known else desk

    yield sit_down
    complaints = [complaint for desk in desks for complaint in desk.leave()]
    assert not complaints, "\n".join(complaints)
