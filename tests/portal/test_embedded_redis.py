"""The portal's own Redis is private, and found by everybody at the same place."""

import os
from pathlib import Path

import pytest

from portal import embedded_redis


def test_its_socket_is_in_the_data_folder():
    assert embedded_redis.socket_path(Path("/srv/portal")) == Path("/srv/portal/run/redis.sock")


def test_a_path_too_long_for_a_socket_is_replaced_by_a_short_one_of_ours():
    folder = Path("/srv") / ("x" * 120)
    path = embedded_redis.socket_path(folder)
    assert len(os.fsencode(path)) <= 107
    assert path == embedded_redis.socket_path(folder)
    assert path != embedded_redis.socket_path(folder / "y")


def test_a_folder_that_others_can_enter_is_refused(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    with pytest.raises(embedded_redis.NoRedis):
        embedded_redis.prepare(folder / "redis.sock")


def test_a_link_to_somewhere_else_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(embedded_redis.NoRedis):
        embedded_redis.prepare(tmp_path / "run" / "redis.sock")


def fake_server(folder, name, version):
    program = folder / name
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n")
    program.chmod(0o700)
    return program


def test_a_server_on_the_path_is_preferred(tmp_path, monkeypatch):
    program = fake_server(tmp_path, "redis-server", "7.0.15")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert embedded_redis.server() == (program, "7.0.15")


def test_one_that_is_too_old_is_not(tmp_path, monkeypatch):
    fake_server(tmp_path, "redis-server", "6.0.16")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert embedded_redis.server()[0].parent != tmp_path


def test_it_listens_on_a_socket_of_mode_0600_and_on_no_port(redis_server, settings):
    from portal.outbox.workers import redis_client

    assert settings.REDIS_SOCKET.stat().st_mode & 0o777 == 0o600
    config = redis_client().config_get("*")
    assert (config["port"], config["save"], config["appendonly"]) == ("0", "", "no")
    assert config["maxmemory-policy"] == "noeviction"
