"""Which column of a file plays which role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.records.completing import CANONICAL

__all__ = ["DATES", "find_column", "roles_of"]

DATES = ("DATE", "DAT1", "DAT2", "DAT3")


def find_column(name: str, names: Sequence[str], *, where: str) -> str:
    """Return the column of this name, whatever its case.

    Raises
    ------
    DataError
        There is none, or two differ only in case and neither is meant exactly.
    """
    if name in names:
        return name
    near = [n for n in names if n.lower() == str(name).lower()]
    if len(near) == 1:
        return near[0]
    remedy = f"write one of them exactly: {', '.join(near)}" if near else did_you_mean(str(name), names)
    raise DataError(f"the data have no column '{name}'", value=name, where=where, remedy=remedy)


def roles_of(
    names: Sequence[str], *, columns: Mapping[str, str] | None = None, drop: Iterable[str] = (), source: str = ""
) -> dict[str, str]:
    """Return the new name of every column that is kept: one that NONMEM knows, or its own.

    Parameters
    ----------
    names : sequence of str
        Columns of the file.
    columns : mapping of str to str, optional
        New name to the column of the file; NONMEM's names find themselves, whatever their case.
    drop : iterable of str
        Columns to leave out.

    Raises
    ------
    DataError
        A column is not there, or two columns claim one role.

    Examples
    --------
    >>> roles_of(["subject", "time", "wt"], columns={"ID": "subject"})
    {'subject': 'ID', 'time': 'TIME', 'wt': 'wt'}
    """
    known = {*CANONICAL, *DATES}
    left = {find_column(n, names, where="drop") for n in ((drop,) if isinstance(drop, str) else drop)}
    given: dict[str, str] = {}
    for role, name in (columns or {}).items():
        found = find_column(name, names, where="columns")
        if found in given or found in left:
            also = f"as {given[found]}" if found in given else "in drop"
            raise DataError(f"the column '{found}' is named twice", value=role, where=f"columns, and {also}")
        given[found] = str(role).upper() if str(role).upper() in known else str(role)
    out: dict[str, str] = {}
    for name in names:
        if name in left:
            continue
        role = given.get(name, name.upper() if name.upper() in known else name)
        if role in out.values():
            first = next(n for n, r in out.items() if r == role)
            raise DataError(
                f"two columns could be {role}: '{first}' and '{name}'",
                value=role,
                where=source or None,
                remedy=f"leave the other out with drop=, or rename it with columns={{'NEW_NAME': {name!r}}}",
            )
        out[name] = role
    return out
