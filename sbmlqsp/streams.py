"""Random streams that belong to things, never to workers: the same labels give the same numbers, anywhere.

A stream is a counter-based generator (Philox) whose key is a SHA-256 digest of the labels. No stream is drawn from
another, so the order in which runs are executed, and by how many processes, cannot change a number.
"""

from __future__ import annotations

import hashlib
import json
from numbers import Integral

import numpy as np

from sbmlqsp.errors import QSPError

__all__ = ["check_seed", "key64", "seed32", "stream"]

Label = int | str | None


def stream(
    seed: int, purpose: str, *, subject: Label = None, occasion: Label = None, replicate: Label = None
) -> np.random.Generator:
    """Return the random generator of one thing.

    Parameters
    ----------
    seed : int
        The one seed of the analysis; 0 <= seed < 2**63.
    purpose : str
        What is drawn, such as "iiv" or "residual".
    subject, occasion, replicate : int or str, optional
        Whose numbers they are. Python and numpy integers of equal value are the same label; the text "1" is another
        label than the number 1, and an absent label differs from every present one.

    Returns
    -------
    numpy.random.Generator
        A fresh generator at its start. Its raw bits are the same on every platform; numpy may change how a
        distribution uses them between releases, which is why results record numpy's version.

    Raises
    ------
    QSPError
        The seed or a label is of the wrong type or out of range.

    References
    ----------
    Salmon JK et al. (2011) Parallel random numbers: as easy as 1, 2, 3. https://doi.org/10.1145/2063384.2063405

    Examples
    --------
    >>> from sbmlqsp.streams import stream
    >>> a, b = stream(1, "iiv", subject=7), stream(1, "iiv", subject=7)
    >>> bool(a.normal() == b.normal())
    True
    """
    key = _digest("stream", seed, purpose, (subject, occasion, replicate))
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16], "little")))


def seed32(seed: int, purpose: str, *, subject: Label = None, occasion: Label = None, replicate: Label = None) -> int:
    """Return an explicit 32-bit seed for an engine that takes nothing wider.

    Parameters
    ----------
    seed, purpose, subject, occasion, replicate
        As for `stream`.

    Returns
    -------
    int
        From 1 to 2**32 - 2, so that neither 0 nor -1 (modulo 2**32), by which engines mean the clock, can occur. Among
        n streams two share a seed with probability about n**2 / 2**33: expect a pair in some 80,000 runs.

    Raises
    ------
    QSPError
        The seed or a label is of the wrong type or out of range.

    Examples
    --------
    >>> from sbmlqsp.streams import seed32
    >>> seed32(1, "ssa", replicate=0) == seed32(1, "ssa", replicate=1)
    False
    """
    key = _digest("seed32", seed, purpose, (subject, occasion, replicate))
    return int.from_bytes(key[:16], "little") % (2**32 - 2) + 1


def key64(seed: int, purpose: str, *, subject: Label = None, occasion: Label = None) -> tuple[int, int]:
    """Return the key of a compiled counter-based generator, as two numbers of 32 bits.

    Parameters
    ----------
    seed, purpose, subject, occasion
        As for `stream`; replicates are told apart by the counter.

    Raises
    ------
    QSPError
        The seed or a label is of the wrong type or out of range.

    Examples
    --------
    >>> from sbmlqsp.streams import key64
    >>> key64(1, "ssa", subject=1) == key64(1, "ssa", subject=2)
    False
    """
    key = _digest("key64", seed, purpose, (subject, occasion, None))
    return int.from_bytes(key[:4], "little"), int.from_bytes(key[4:8], "little")


def check_seed(seed: int) -> int:
    """Return a seed as a plain integer, or raise QSPError.

    Examples
    --------
    >>> from sbmlqsp.streams import check_seed
    >>> check_seed(42)
    42
    """
    whole = _integer(seed)
    if whole is None or not 0 <= whole < 2**63:
        raise QSPError("the seed is not usable", value=seed, expected="an integer from 0 to 2**63 - 1")
    return whole


def _integer(value: object) -> int | None:
    """Return a Python or numpy integer as a plain one; None for anything else, and for truth values."""
    truth = isinstance(value, bool | np.bool_)
    return int(value) if isinstance(value, Integral) and not truth else None


def _digest(use: str, seed: int, purpose: object, labels: tuple[Label, ...]) -> bytes:
    if not isinstance(purpose, str) or not purpose:
        raise QSPError("a stream has no purpose", value=purpose, expected="a text such as 'iiv'")
    names = ("subject", "occasion", "replicate")
    checked = [_label(label, name) for label, name in zip(labels, names, strict=True)]
    # JSON quotes and escapes texts, so no two lists of labels give the same bytes.
    return hashlib.sha256(json.dumps([f"sbmlqsp {use} 1", check_seed(seed), str(purpose), *checked]).encode()).digest()


def _label(value: object, name: str) -> Label:
    if value is None or isinstance(value, str):
        return value if value is None else str(value)
    whole = _integer(value)
    if whole is None:
        raise QSPError(f"the {name} of a random stream is neither an integer nor a text", value=value)
    return whole
