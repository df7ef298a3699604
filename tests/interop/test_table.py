"""No row of the suite table without a case for each peer, or the reason why there is none."""

import pytest

from secmail.algorithms import (
    CONTENT_ENCRYPTIONS,
    DIGESTS,
    KEY_AGREEMENTS,
    KEY_ENCAPSULATIONS,
    KEY_TRANSPORTS,
    KEY_WRAPS,
    SIGNATURES,
)
from secmail.cms.shared import HMACS
from tests.interop import cases
from tests.secmail.pki import PKI, RECIPIENTS, SIGNERS

TABLES = {
    "SIGNATURES": {row.name for row in SIGNATURES.values()},
    "DIGESTS": set(DIGESTS.values()),
    "CIPHERS": {row.name for row in CONTENT_ENCRYPTIONS.values()},
    "KEY_TRANSPORTS": set(KEY_TRANSPORTS.values()),
    "KEY_AGREEMENTS": {row.name for row in KEY_AGREEMENTS.values()},
    "KEY_WRAPS": {row.name for row in KEY_WRAPS.values()},
    "KEY_ENCAPSULATIONS": {row.name for row in KEY_ENCAPSULATIONS.values()},
    "PASSWORDS": {digest.name for digest in HMACS.values()},
}


@pytest.mark.parametrize("peer", ["OPENSSL", "BOUNCY_CASTLE"])
@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_tried_with_every_peer_or_has_a_reason(table, peer):
    assert set(getattr(cases, f"{peer}_{table}")) == TABLES[table]


def test_every_kind_of_key_that_is_signed_with_or_encrypted_to_is_read_by_a_peer_or_has_a_reason():
    assert set(cases.READ_BY) == {PKI[name].key for name in (*SIGNERS, *RECIPIENTS)}
