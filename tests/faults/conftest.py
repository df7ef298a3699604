"""One story, told once for all tests that look at what it left."""

import pytest

from tests.faults.story import Story, told


@pytest.fixture(scope="session")
def story(tmp_path_factory) -> Story:
    return told(tmp_path_factory.mktemp("story"))
