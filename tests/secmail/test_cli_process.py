"""``python -m secmail`` as a process: streams, signals, and files that appear whole or not at all."""

import functools
import os
import pkgutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from commandline import ROOT, CommandLine
from pki import certificate

from secmail.cli import console

WRAP = "wrap --key ada.pem --cert ca.crt --recipient gwen.crt"
OPEN = "open --trust root.crt --key gwen.pem"
MIB = 1024 * 1024


@pytest.mark.parametrize("dash", ["", "-"])
def test_messages_pass_through_pipes(secmail: CommandLine, dash: str) -> None:
    wrapped = secmail.process(f"{WRAP} {dash}", b"Hello\n")
    opened = secmail.process(f"{OPEN} --body {dash}", wrapped.out)
    assert (wrapped.status, opened.status, opened.out) == (0, 0, b"Hello\r\n")


@pytest.mark.parametrize("form", ["eml", "der", "pem"])
def test_every_form_passes_through_a_pipe(secmail: CommandLine, form: str) -> None:
    wrapped = secmail.process(f"{WRAP} --outform {form}", bytes(range(256)))
    assert secmail.process(f"{OPEN} --body", wrapped.out).out == bytes(range(256))


def test_standard_input_is_read_once(secmail: CommandLine) -> None:
    assert secmail.process("open --trust -", b"").err == "secmail: standard input can be only one of the files\n"


@pytest.mark.parametrize(
    "command", ["", "frobnicate", "open letter.eml", "open --trust root.crt --nonsense letter.eml", "label", "sign nowhere --key ada.pem"]
)
def test_wrong_usage_is_one_line_and_status_2(secmail: CommandLine, command: str) -> None:
    ended = secmail.process(command) if command != "" else secmail.process("--at x")
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, b"", 1)
    assert ended.err.startswith("secmail: ")


@pytest.mark.parametrize(
    "command", ["", "sign", "encrypt", "wrap", "open", "show", "receipt", "receipt make", "receipt check", "expand", "label", "label show", "label decide", "label marking"]
)
def test_every_command_has_help_with_an_example(secmail: CommandLine, command: str) -> None:
    ended = secmail(f"{command} --help")
    assert ended.status == 0
    assert f"example:\n  secmail {command}" in ended.out.decode()


def test_a_result_takes_its_name_at_the_end_and_is_for_its_owner_only(secmail: CommandLine) -> None:
    secmail.write("out.eml", b"before")
    before = secmail.names()
    assert secmail.process(f"{WRAP} -o out.eml nowhere.eml").status == 2
    assert (secmail.read("out.eml"), secmail.names()) == (b"before", before)
    assert secmail.process(f"{WRAP} -o out.eml letter.eml").status == 0
    assert (secmail.folder / "out.eml").stat().st_mode & 0o777 == 0o600
    assert secmail.names() == before
    assert secmail.process(f"{WRAP} -o nowhere/out.eml letter.eml").status == 2


def test_a_device_is_written_to_and_not_replaced(secmail: CommandLine) -> None:
    assert secmail.process(f"{WRAP} -o /dev/null letter.eml").status == 0
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_who_is_interrupted_leaves_nothing(secmail: CommandLine, number: int, status: int) -> None:
    before = secmail.names()
    with started(secmail, f"{WRAP} -o out.eml", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(bytes(2 * MIB))
        process.stdin.flush()  # more than a pipe holds, so it is reading
        while not any(name.startswith(".secmail-") for name in secmail.names()):
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, b"Traceback" in err) == (status, False)
    assert secmail.names() == before


def test_a_reader_who_leaves_is_no_error_to_talk_about(secmail: CommandLine) -> None:
    secmail.write("big", os.urandom(4 * MIB))
    with started(secmail, f"{WRAP} big", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(100)
        process.stdout.close()
        assert process.wait(timeout=30) == 141
        assert process.stderr is not None
        assert process.stderr.read() == b""


def started(secmail: CommandLine, command: str, **streams: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        secmail.arguments(command),
        cwd=secmail.folder,
        env=secmail.environment,
        stderr=subprocess.PIPE,
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # ignored where tests run in the background  # noqa: PLW1509
        **streams,
    )


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory of a process is read from /proc")
def test_memory_does_not_grow_with_the_message(secmail: CommandLine) -> None:
    """32 MB through a pipe, in and out again, take what 1 MB takes."""
    code = "import sys; from secmail.cli import main; main(sys.argv[1:]); sys.stderr.write(open('/proc/self/status').read())"
    message = secmail.folder / "big.eml"
    peaks = []
    for size in (1 * MIB, 32 * MIB):
        for command, stdin in ((f"{WRAP} -o big.eml -", bytes(size)), (f"{OPEN} --body -o big -", None)):
            data = message.read_bytes() if stdin is None else stdin
            arguments = [sys.executable, "-c", code, *secmail.arguments(command)[3:]]
            ended = subprocess.run(arguments, check=True, input=data, capture_output=True, cwd=secmail.folder, env=secmail.environment)
            peaks.append(int(ended.stderr.split()[-1]))
        assert (secmail.folder / "big").stat().st_size == size
    assert max(peaks[2:]) - min(peaks[:2]) < 8 * 1024  # KiB


def test_foreign_names_do_not_reach_the_terminal(secmail: CommandLine) -> None:
    """Control characters and changes of direction are shown as what they are."""
    secmail.write("letter.eml", "From: ada@example.org\nSubject: =?utf-8?q?a=1B[31mb=E2=80=AEc?=\n\nHello\n")
    secmail("sign --key ada.pem --cert ca.crt -o signed letter.eml")
    ended = secmail.process("open --trust root.crt --json signed")
    assert ended.out.isascii()
    report = secmail.process("open --trust root.crt signed").err
    assert "\x1b" not in report
    assert "\u202e" not in report


def test_progress_is_shown_on_a_terminal_only(secmail: CommandLine) -> None:
    with (secmail.folder / "big").open("wb") as big:
        big.truncate(48 * MIB)
    terminal, theirs = os.openpty()
    subprocess.run(secmail.arguments("sign --key ada.pem -o /dev/null big"), cwd=secmail.folder, env=secmail.environment, stderr=theirs, check=True)
    assert b"% of 48 MiB" in os.read(terminal, 10_000)
    assert secmail.process("sign --key ada.pem -o /dev/null big").err == ""
    os.close(terminal)
    os.close(theirs)


def test_certificates_with_forbidden_serial_numbers_cause_no_words_but_ours(secmail: CommandLine) -> None:
    """RFC 5280 section 4.1.2.2 wants positive ones; such certificates are about."""
    secmail("sign --key ada.pem --cert ca.crt -o signed.eml letter.eml")
    number = certificate("bob").serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")  # as DER has it
    secmail.write("negative.der", secmail.read("bob.der").replace(serial, b"\x80" + serial[1:], 1))
    ended = secmail.process("open --trust root.crt --untrusted negative.der --json signed.eml")
    assert (ended.status, ended.err) == (0, "")


def test_the_installed_command_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert pkgutil.resolve_name(project["project"]["scripts"]["secmail"]) is console
