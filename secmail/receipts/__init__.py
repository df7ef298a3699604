"""Signed receipts (RFC 2634 section 2): who owes one and to whom, making them, and checking what one proves."""

from secmail.receipts.checking import MAX_RECEIPT, ReceiptCheck, ReceiptMatches, check_receipt
from secmail.receipts.making import make_receipt
from secmail.receipts.owed import ReceiptDecision, receipt_owed
from secmail.receipts.receipt import RECEIPT, Receipt

__all__ = [
    "MAX_RECEIPT",
    "RECEIPT",
    "Receipt",
    "ReceiptCheck",
    "ReceiptDecision",
    "ReceiptMatches",
    "check_receipt",
    "make_receipt",
    "receipt_owed",
]
