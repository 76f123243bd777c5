"""The one error a user's input may raise, and the help it gives."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """What the user gave breaks a rule: the message states rule, value and remedy."""


def printable(text: str) -> str:
    r"""The text without what would steer a terminal: it may come from another machine.

    Example:
        >>> print(printable("done" + chr(27) + "[2J"))
        done\x1b[2J
    """
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a `name` that is not among the `known` names of this `kind`.

    Example:
        >>> str(unknown_name("mode", "idealized", ["idealised", "cwola"]))
        "unknown mode 'idealized'; did you mean 'idealised'? Known: cwola, idealised."
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return InputError(f"unknown {kind} {name!r}{hint} Known: {', '.join(names)}.")
