"""The short form of ``make fuzz``: the same targets and mutations from a fixed source of chance, without being led by coverage."""

import subprocess
import sys
from pathlib import Path
from random import Random

import mutators
import pytest
import tlv
from guard import judge
from seeds import inputs
from targets import TARGETS, attributes

from secmail import der

MUTANTS = 250


@pytest.mark.parametrize("name", TARGETS)
def test_what_the_engine_makes_is_read(name):
    for data in inputs(name):
        finding = judge(name, data)
        assert finding is None, finding.report


@pytest.mark.parametrize("name", TARGETS)
def test_foreign_bytes_cause_nothing_but_a_secmail_error(name):
    random, beginning = Random(name), inputs(name)
    scramble = mutators.scrambler(random)
    for _ in range(MUTANTS):
        data = random.choice(beginning)
        for _ in range(random.choice((1, 1, 2, 4))):
            data = mutators.of(TARGETS[name].kind, data, random, scramble, beginning)
        finding = judge(name, data)
        assert finding is None, f"{finding.report}\n{data.hex()}"


def test_a_failure_of_the_engine_is_found(monkeypatch):
    """Or all of this would pass for ever."""
    monkeypatch.setattr("secmail.der.Element.time", lambda element: 1 / 0)
    seed = next(each for each in inputs("attributes") if each[0] == 0)
    assert judge("attributes", seed).name.startswith("attributes-ZeroDivisionError")


def test_keys_of_every_kind_follow_from_their_names():
    """`make fuzz` has keys of its own. In another process, because they replace those of the tests; RSA takes long and is any number of bits."""
    code = "import fixed, pki\nfor name in {row.key: name for name, row in pki.PKI.items() if not row.key.startswith('RSA')}.values(): fixed.private_key(name)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, check=True)


def test_mutants_are_still_ber():
    """Lengths are put right again, so that most changes get past the first reader."""
    random, seed = Random(1), next(each for each in inputs("attributes"))[1:]
    mutants = [tlv.mutate(seed, random, mutators.scrambler(random)) for _ in range(200)]
    assert sum(tlv.parse(each) is not None for each in mutants) > 150
    assert len({*mutants, seed}) > 150


def test_signed_mutants_are_verified(monkeypatch):
    """An attribute nobody knows changes nothing about the signature being right."""
    seen = []
    monkeypatch.setattr("targets.look_at", seen.append)
    attributes(0, der.sequence(der.oid("1.2.3.4"), der.tlv(der.SET, der.integer(1))))
    assert [each.verdict for each in seen] == ["verified"]
