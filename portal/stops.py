"""Named points of the line at which a fault test lets a process die, to see that nothing is lost or done twice because of it.

The portal only names them. Whoever tests says what happens there; nothing does otherwise.
"""

from collections.abc import Callable

_happens: Callable[[str], None] | None = None


def stop_here(point: str) -> None:
    """This process passes `point`: "step.moment"."""
    if _happens is not None:
        _happens(point)


def use(happens: Callable[[str], None] | None) -> None:
    """Let something happen at every point from now on; None is nothing again."""
    global _happens  # noqa: PLW0603 - the one switch of this module
    _happens = happens
