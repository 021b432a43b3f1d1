"""The one-line language of regimens: read and written.

``100 mg into pk.depot every 24 h x 7`` · ``300 mg into central over 30 min every 21 day x 4`` ·
``5 mg/h into central for 10 h`` · ``500 mg into central at 5 mg/min`` · ``[4.02*WT] mg into depot at 12 h lag 0.5 h`` ·
``200 mg into depot then after 12 h 100 mg into depot bid x 6``. '+' binds tighter than 'then', and 'then' tighter
than ';' or a new line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sbmlqsp.dosing.dose import Dose
from sbmlqsp.dosing.quantities import (
    checked_time_unit,
    convert_time,
    is_time,
    number_text,
    product,
    rate_parts,
    time_text,
)
from sbmlqsp.dosing.schedule import follow
from sbmlqsp.dosing.words import KEYWORDS, Quantity, Words
from sbmlqsp.errors import DosingError, QSPError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["dose_text", "parse_doses"]

_CODES = {
    "qd": (1.0, "day"),
    "od": (1.0, "day"),
    "daily": (1.0, "day"),
    "bid": (12.0, "h"),
    "tid": (8.0, "h"),
    "qid": (6.0, "h"),
    "qod": (2.0, "day"),
    "weekly": (1.0, "week"),
}
_EVERY = re.compile(r"q(\d+(?:\.\d+)?)?(min|h|hrs?|d|days?|w|wks?|weeks?|mo|months?)")
_JOINERS = ("+", "then", ";", "\n", "")
_NONE = ("no doses", "no dose", "none", "nothing")


def parse_doses(text: str) -> tuple[Dose, ...]:
    """Return the doses a text describes.

    Raises
    ------
    DosingError, UnitError
        The message points at the word that is not understood.

    Examples
    --------
    >>> parse_doses("200 mg into depot then after 12 h 100 mg into depot bid x 6")[1]
    Dose(100, 'depot', 'mg', time=12, time_unit='h', interval=12, count=6)
    """
    if not isinstance(text, str) or not text.strip():
        raise DosingError("the regimen is empty", value=text, remedy="write 'no doses' for an arm without drug")
    if " ".join(text.lower().split()).rstrip(".") in _NONE:
        return ()
    words = Words(text)
    doses: tuple[Dose, ...] = ()
    while words.peek():
        if not words.skip(";", "\n"):
            doses += _sequence(words)
    return doses


def _sequence(words: Words) -> tuple[Dose, ...]:
    doses = _group(words)
    while _then(words):
        place = words.here - 1
        gap = _gap(words) if words.skip("after") else None
        while words.skip("\n"):
            pass
        following = _group(words)
        try:
            doses = follow(doses, following, gap)
        except QSPError as err:
            words.fail(err.what, place, expected="doses, 'then', doses", remedy=err.remedy)
    if words.peek() not in {";", "\n", ""}:
        words.unknown(words.here)
    return doses


def _then(words: Words) -> bool:
    """Go past 'then', which may open the next line."""
    ahead = 0
    while words.peek(ahead) == "\n":
        ahead += 1
    if words.peek(ahead) != "then":
        return False
    words.here += ahead
    return words.skip("then")


def _gap(words: Words) -> float | str:
    gap = words.quantity(name="time after 'then after'")
    if isinstance(gap.value, str):
        words.fail("a gap cannot be a formula", gap.place, expected="a time such as '12 h'")
    return gap.value if gap.unit is None else f"{number_text(gap.value)} {gap.unit}"


def _group(words: Words) -> tuple[Dose, ...]:
    doses = [_dose(words)]
    while words.skip("+"):
        doses.append(_dose(words))
    return tuple(doses)


# ------------------------------------------------------------------------------------------------------ one dose
def _dose(words: Words) -> Dose:
    start = words.here
    head = words.quantity(name="amount")
    if words.peek() == "per":
        words.unknown(words.here)
    if not words.skip("into", "to"):
        words.fail("'into' and the target are missing", words.here)
    if words.peek() in _JOINERS:
        words.fail("the target after 'into' is missing", words.here)
    target = words.take()
    found: dict[str, Quantity] = {}
    while words.peek() not in _JOINERS:
        place = words.here
        for name, quantity in _phrase(words).items():
            if name in found:
                words.fail(f"the {name} is given twice", place, remedy="keep one, or separate two doses with ';'")
            found[name] = quantity
    try:
        return _built(words, head, target, found)
    except QSPError as err:
        if err.where and "▸" in err.where:
            raise
        raise err.changed(where=words.pointing(start)) from None


def _phrase(words: Words) -> dict[str, Quantity]:
    """Read one phrase after the target, as what it sets and to what."""
    words.skip("with")
    place, word = words.here, words.peek()
    if word in _CODES or _EVERY.fullmatch(word):
        return {"interval": _coded(words)}
    if re.fullmatch(r"[x×]\d.*|[x×]|times", word):
        return {"count": _count(words)}
    if word in _TIMED:
        words.take()
        return {_TIMED[word]: words.quantity(name=f"time after '{word}'")}
    reader = _READERS.get(word)
    if reader is None:
        words.unknown(place)
    return reader(words)


def _coded(words: Words) -> Quantity:
    place, word = words.here, words.take().lower()
    if word in _CODES:
        return Quantity(*_CODES[word], place)
    number, unit = _EVERY.fullmatch(word).groups()  # type: ignore[union-attr]
    return Quantity(float(number or 1), checked_time_unit(unit), place)


def _every(words: Words) -> dict[str, Quantity]:
    place = words.here + 1
    words.take()
    if words.peek().isalpha() and words.peek() not in KEYWORDS:  # "every day", "every week"
        return {"interval": Quantity(1.0, words.checked(words.take(), place), place)}
    return {"interval": words.quantity(name="time after 'every'")}


def _count(words: Words) -> Quantity:
    place, word = words.here, words.take()
    attached = word[1:] if word[0] in "xX×" else ""
    number = attached or words.take()
    if not re.fullmatch(r"\d+", number):
        words.fail("the count is not a whole number", place if attached else place + 1, expected="for example 'x 7'")
    words.skip("doses", "dose", "times")
    return Quantity(float(number), None, place)


def _steady(words: Words) -> dict[str, Quantity]:
    place = words.here
    if words.take().lower() == "steady" and not words.skip("state"):
        words.fail("'state' is missing after 'steady'", words.here, expected="'steady state' or 'ss'")
    kind = float(words.take()) if words.peek() in {"0", "1", "2"} else 1.0
    return {"steady_state": Quantity(kind, None, place)}


def _at(words: Words) -> dict[str, Quantity]:
    word = words.take().lower()
    if word == "starting":
        words.skip("at", "from")
    stated = word == "at" and words.skip("rate")
    found = words.quantity(name=f"time or rate after '{word}'")
    if stated or (word == "at" and found.unit is not None and not is_time(found.unit)):
        return {"rate": found}
    return {"time": found}


def _fraction(words: Words) -> dict[str, Quantity]:
    word = words.take()
    found = words.quantity(name=f"number after '{word}'")
    if found.unit is not None:
        words.fail("bioavailability has no unit", found.place, expected="a number such as 0.8, or 80%")
    return {"bioavailability": found}


def _molar(words: Words) -> dict[str, Quantity]:
    words.take()
    if not words.skip("mass"):
        words.fail("'mass' is missing after 'molar'", words.here, expected="for example 'molar mass 150 kDa'")
    found = words.quantity(name="molar mass")
    if found.unit is None or isinstance(found.value, str):
        words.fail("the molar mass is not a number with a unit", found.place, expected="for example '150 kDa'")
    return {"molar_mass": found}


def _on(words: Words) -> dict[str, Quantity]:
    remedy = "write 'at 2 day' for 48 h after time zero: 'day 3' means that to some and 72 h to others"
    words.fail("'on' is ambiguous", words.here, expected="a time counted from zero, such as 'at 48 h'", remedy=remedy)


_TIMED = {"over": "duration", "for": "for", "lag": "lag"}
_READERS: dict[str, Callable[[Words], dict[str, Quantity]]] = {
    **dict.fromkeys(("every", "q"), _every),
    **dict.fromkeys(("ss", "steady"), _steady),
    **dict.fromkeys(("at", "from", "starting"), _at),
    **dict.fromkeys(("f", "bioavailability"), _fraction),
    "molar": _molar,
    "on": _on,
}


# --------------------------------------------------------------------------------------------------- making sense
def _built(words: Words, head: Quantity, target: str, found: dict[str, Quantity]) -> Dose:
    amount, unit = head.value, head.unit
    if unit is not None and rate_parts(unit):
        amount, unit = _amount_of_rate(words, head, found)
    elif "for" in found:
        remedy = "write 'over 10 h' for the time of an infusion, or 'x 7' for the number of doses"
        words.fail("'for' follows a rate such as '5 mg/h'", found["for"].place - 1, remedy=remedy)
    if "interval" in found and "count" not in found and "steady_state" not in found:
        words.fail("the number of doses is missing", found["interval"].place, expected="a count, such as 'x 7'")
    times, time_unit = _times(words, found)
    for name in ("time", "interval"):
        if isinstance(times.get(name), str):
            words.fail(f"the {name} of a dose cannot be a formula", found[name].place, expected="a time such as '12 h'")
    rate, mass = found.get("rate"), found.get("molar_mass")
    share, steady = found.get("bioavailability"), found.get("steady_state")
    return Dose(
        amount,
        target,
        unit,
        time_unit=time_unit,
        rate=rate.value if rate else None,
        rate_unit=rate.unit if rate else None,
        molar_mass=f"{mass.value} {mass.unit}" if mass else None,
        bioavailability=share.value if share else 1.0,
        count=int(found["count"].value) if "count" in found else 1,
        steady_state=int(steady.value) if steady else 0,
        **times,  # type: ignore[arg-type]
    )


def _amount_of_rate(words: Words, head: Quantity, found: dict[str, Quantity]) -> tuple[float | str, str]:
    """Turn "5 mg/h … for 10 h" into 50 mg over 10 h: the pump runs for the stated time, whatever is bioavailable."""
    unit, per = rate_parts(head.unit or "") or ("", "")
    if "for" in found:
        if "duration" in found:
            words.fail("'for' and 'over' are both given", found["for"].place - 1, remedy="keep one of them")
        found["duration"] = found.pop("for")
    if "duration" not in found:
        remedy = "say for how long, such as 'for 10 h'"
        words.fail("an infusion rate without a time", head.place, remedy=remedy)
    lasting = found["duration"]
    if lasting.unit is None:
        words.fail("the infusion time has no unit", lasting.place, expected=f"for example 'for 10 {per}'")
    return product(head.value, convert_time(lasting.value, _time_unit(words, lasting), per)), unit


def _time_unit(words: Words, quantity: Quantity) -> str:
    """Return the unit of a time, or point at a unit that is not one: the word after the number, or the same word."""
    if not is_time(quantity.unit or ""):
        place = quantity.place + (words.raw(quantity.place)[-1] in "0123456789.]")
        words.fail(f"'{quantity.unit}' is not a time", place, expected="a time such as '12 h'")
    return checked_time_unit(quantity.unit or "")


def _times(words: Words, found: dict[str, Quantity]) -> tuple[dict[str, float | str], str | None]:
    """Return the times of a dose in one unit: that of its interval, else of its start, its infusion or its lag."""
    given = {name: found[name] for name in ("interval", "time", "duration", "lag") if name in found}
    units = {name: _time_unit(words, quantity) for name, quantity in given.items() if quantity.unit is not None}
    anchor = next((units[n] for n, q in given.items() if n in units and not (n == "time" and q.value == 0)), None)
    anchor = anchor or units.get("time")
    for name, quantity in given.items():
        if anchor and name not in units and quantity.value != 0:
            words.fail("this time has no unit, and another one has", quantity.place, expected="a unit after every time")
    return {n: convert_time(q.value, units.get(n, anchor), anchor) for n, q in given.items()}, anchor


# ------------------------------------------------------------------------------------------------------- writing
def dose_text(dose: Dose) -> str:
    """Return the line that `parse_doses` reads back as the same dose.

    Examples
    --------
    >>> dose_text(Dose(300, "central", "mg", duration=30, time=1440, time_unit="min"))
    '300 mg into central over 30 min at 1440 min'
    """
    unit = dose.time_unit
    parts = [_value(dose.amount, dose.unit), f"into {dose.target}"]
    if dose.rate is not None:
        parts.append(f"at {'' if dose.rate_unit else 'rate '}{_value(dose.rate, dose.rate_unit)}")
    timed = [("interval", "every"), ("time", "at"), ("duration", "over"), ("lag", "lag")]
    given = {name: getattr(dose, name) for name, _ in timed if getattr(dose, name) not in {None, 0.0}}
    if not given and unit:
        given = {"time": 0.0}
    # The first of them is written in the dose's own unit, since reading takes the unit of the dose from it.
    anchor = next(iter(given), None)
    text = {n: _value(v, unit) if n == anchor else time_text(v, unit) for n, v in given.items()}
    for name in ("duration", "time", "interval"):
        parts += [f"{word} {text[name]}" for n, word in timed if n == name and name in text]
    parts += [f"x {dose.count}"] if dose.interval is not None else []
    parts += [f"lag {text['lag']}"] if "lag" in text else []
    parts += [f"F {_value(dose.bioavailability, None)}"] if dose.bioavailability != 1 else []
    parts += [f"molar mass {dose.molar_mass}"] if dose.molar_mass else []
    parts += [["ss", "ss 2"][dose.steady_state - 1]] if dose.steady_state else []
    return " ".join(parts)


def _value(value: float | str, unit: str | None) -> str:
    text = f"[{value}]" if isinstance(value, str) else number_text(value)
    return f"{text} {unit}" if unit else text
