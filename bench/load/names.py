"""What both sides of the load know without Django: who there is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Crowd:
    """`people` have accounts, more than a message of the curve has recipients; the first `readers` sign in, and hold the stored messages."""

    people: int = 120
    readers: int = 50


def username(number: int) -> str:
    return f"load{number:03}"
