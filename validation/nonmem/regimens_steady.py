"""Regimens at steady state: SS = 1 and 2 with every kind of dose, lags, additional doses, and constant infusions."""

from __future__ import annotations

from itertools import product

from validation.nonmem.building import CENTRAL, MODELS, Case, case, dose, seen

KINDS = ("bolus", "short", "long", "very long", "modelled rate", "modelled duration", "modelled long")
LAGS = ("no lag", "short lag", "long lag")


def _items(kind: str, amount: float, share: float, interval: float, cmt: int) -> tuple[float, dict[str, float]]:
    """Return the RATE item and the R or D that make the infusion as long as its kind says."""
    if kind == "bolus":
        return 0.0, {}
    part = {"short": 0.22, "long": 1.37, "very long": 2.68, "modelled rate": 0.46, "modelled duration": 0.31}
    span = interval * part.get(kind, 1.83)
    if kind == "modelled rate":
        return -1.0, {f"R{cmt}": amount * share / span}
    if kind.startswith("modelled"):
        return -2.0, {f"D{cmt}": span}
    return amount * share / span, {}


def _one(place: int, model: str, kind: str, lag: str, share: float, count: int) -> Case:
    cmt = 1 if (place // 2) % 3 else CENTRAL[model]
    amount, interval = 85.0 + 3.25 * place, (8.0, 11.5, 12.0, 6.25, 24.0)[place % 5]
    delay = {"no lag": 0.0, "short lag": 0.625, "long lag": interval * 0.8125}[lag]
    rate, extra = _items(kind, amount, share, interval, cmt)
    more = {"addl": count} if count else {}
    parameters = {f"F{cmt}": share, f"ALAG{cmt}": delay} | extra
    start = (0.0, 3.25, 1.6)[place % 3]
    name = f"steady/{model}/{kind}/cmt {cmt}/{lag}/F {share}/addl {count}"
    return case(
        name,
        model,
        dose(start, amount, cmt, rate=rate, ii=interval, ss=1, **more),
        to=start + (count + 1.45) * interval,
        **parameters,
    )


def _each() -> list[Case]:
    """Every model × kind × lag, with F and ADDL in turn; every F × ADDL for one model and lag."""
    wide = [
        (model, kind, lag, (1.0, 0.58)[(place // 2) % 2], (0, 2, 3)[place % 3])
        for place, (model, kind, lag) in enumerate(product(MODELS, KINDS, LAGS))
    ]
    deep = [("oral1", kind, "long lag", share, count) for kind, share, count in product(KINDS[:4], (1.0, 0.73), (0, 2))]
    return [_one(place, *choice) for place, choice in enumerate(wide + deep)]


def _on_top() -> list[Case]:
    """SS = 2 over what is there, and SS = 1 that wipes out what was there."""
    running = dose(0, 210, 2, rate=14)
    return [
        case(
            "on top/morning and evening doses",
            "oral1",
            dose(0, 100, ii=24, addl=3, ss=1),
            dose(12, 50, ii=24, addl=3, ss=2),
            to=99,
        ),
        case(
            "on top/three doses a day",
            "oral2",
            dose(0, 10, ii=24, ss=1),
            dose(12, 20, ii=24, ss=2),
            dose(19, 10, ii=24, ss=2),
            dose(24, 10),
            to=41.5,
        ),
        case("on top/SS 2 over a plain series", "oral1", dose(0, 80, ii=7, addl=4), dose(10.5, 66, ii=9, ss=2), to=37),
        case("on top/SS 2 over a running infusion", "oral1", running, dose(6.25, 90, ii=11, ss=2), to=33.5),
        case("on top/SS 1 stops a running infusion", "oral1", running, dose(6.25, 90, ii=11, ss=1), to=33.5),
        case(
            "on top/SS 2 infusion over a running infusion of its own compartment",
            "iv2",
            dose(0, 210, rate=14),
            dose(5.75, 120, rate=20, ii=8.5, ss=2, addl=1),
            to=29.5,
        ),
        case(
            "on top/SS 2 long infusion over a running infusion",
            "iv2",
            dose(0, 210, rate=14),
            dose(5.75, 120, rate=9.6, ii=8.5, ss=2),
            to=31.5,
        ),
        case(
            "on top/SS 2 with a lag over a plain series",
            "oral1",
            dose(0, 64, ii=6.5, addl=4),
            dose(9.5, 75, ii=12, ss=2, addl=1),
            to=39,
            ALAG1=1.875,
        ),
        case(
            "on top/SS 2 lagged infusion over a lagged infusion",
            "oral2",
            dose(0, 150, 2, rate=21),
            dose(4.5, 90, 2, rate=13, ii=8, ss=2),
            to=25.6,
            ALAG2=2.375,
            F2=0.81,
        ),
        case(
            "on top/SS 1 cancels a pending lagged dose",
            "oral1",
            dose(0, 64),
            dose(8, 700, 2),
            dose(9.25, 75, ii=12, ss=1),
            to=24.4,
            ALAG2=3.5,
        ),
        case(
            "on top/SS 2 keeps a pending lagged dose",
            "oral1",
            dose(0, 64),
            dose(8, 170, 2),
            dose(9.25, 75, ii=12, ss=2),
            to=24.4,
            ALAG2=3.5,
        ),
        case(
            "on top/SS 1 stops a lagged infusion that runs",
            "oral1",
            dose(4, 100, 2, rate=10),
            dose(10, 100, ii=12, ss=1),
            to=29,
            ALAG2=4.25,
        ),
        case(
            "on top/SS 1 cancels additional doses",
            "oral2",
            dose(0, 90, ii=5.5, addl=8),
            dose(14.75, 120, 2, ii=10, ss=1),
            to=41,
        ),
        case(
            "on top/SS 2 keeps additional doses",
            "oral2",
            dose(0, 90, ii=5.5, addl=8),
            dose(14.75, 120, 2, ii=10, ss=2),
            to=41,
        ),
        case(
            "on top/SS 1 cancels the rest of an earlier SS infusion",
            "oral1",
            dose(10, 100, 2, rate=10, ii=12, ss=1),
            dose(11.25, 100, ii=12, ss=1),
            to=31,
            ALAG2=4,
        ),
        case(
            "on top/SS 2 keeps the rest of an earlier SS infusion",
            "oral1",
            dose(10, 100, 2, rate=10, ii=12, ss=1),
            dose(11.25, 100, ii=12, ss=2),
            to=31,
            ALAG2=4,
        ),
        case(
            "on top/infusion record before SS 1 of the same time never runs",
            "oral1",
            dose(0, 50),
            dose(10, 100, 2, rate=10),
            seen(10),
            dose(10, 100, ii=12, ss=1),
            to=31,
        ),
        case(
            "on top/infusion record after SS 1 of the same time runs",
            "oral1",
            dose(0, 50),
            dose(10, 100, ii=12, ss=1),
            seen(10),
            dose(10, 100, 2, rate=10),
            to=31,
        ),
        case(
            "on top/additional dose at the time of SS 1",
            "iv2",
            dose(0, 80, ii=6, addl=2),
            dose(12, 45, ii=9, ss=1),
            to=27.5,
        ),
        case(
            "on top/additional dose at the time of SS 2",
            "iv2",
            dose(0, 80, ii=6, addl=2),
            dose(12, 45, ii=9, ss=2),
            to=27.5,
        ),
        case(
            "on top/two compartments at steady state at one instant",
            "oral1",
            dose(0, 80, ii=8, ss=1),
            dose(0, 60, 2, rate=15, ii=12, ss=2),
            to=23.5,
        ),
        case(
            "on top/SS 1 twice, the second with additional doses",
            "oral2",
            dose(0, 70, ii=12, ss=1),
            dose(30.5, 35, ii=6, ss=1, addl=3),
            to=61,
            F1=0.66,
            ALAG1=0.5,
        ),
        case("on top/SS 3 is SS 1 in a linear model", "oral1", dose(0, 44), dose(5, 90, ii=8, ss=3), to=19.5),
    ]


def _constant() -> list[Case]:
    """Infusions without end: they stop at the record."""
    return [
        case("constant/oral1 into the depot", "oral1", dose(0, 0, rate=100, ss=1), to=21.5),
        case("constant/oral1 into central", "oral1", dose(2.5, 0, 2, rate=8.4, ss=1), to=21.5),
        case("constant/iv2", "iv2", dose(0, 0, rate=12.6, ss=1), to=31.5),
        case("constant/iv2 into the peripheral", "iv2", dose(0, 0, 2, rate=5.1, ss=1), to=31.5),
        case("constant/oral2, F and lag do not apply", "oral2", dose(0, 0, rate=9, ss=1), to=27, F1=0.4, ALAG1=3.5),
        case("constant/modelled rate", "oral2", dose(1.25, 0, 2, rate=-1, ss=1), to=27, R2=7.7),
        case(
            "constant/goes on as a plain infusion",
            "iv2",
            dose(0, 0, rate=12.6, ss=1),
            dose(0, 126, rate=12.6),
            to=23.5,
        ),
        case("constant/SS 2 over doses", "oral1", dose(0, 85, ii=6, addl=3), dose(9.25, 0, 2, rate=6.3, ss=2), to=31),
        case("constant/SS 1 stops an infusion", "iv2", dose(0, 140, rate=14), dose(4.5, 0, rate=5, ss=1), to=23),
        case(
            "constant/two at once",
            "iv2",
            dose(0, 0, rate=5.5, ss=1),
            dose(3.75, 0, 2, rate=2.25, ss=2),
            dose(6.5, 51, ii=8, addl=1),
            to=26,
        ),
    ]


STEADY: tuple[Case, ...] = (*_each(), *_on_top(), *_constant())
