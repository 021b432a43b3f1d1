"""Regimens without steady state: boluses, infusions, lags, additional doses, several at once, the order of records."""

from __future__ import annotations

from validation.nonmem.building import CENTRAL, MODELS, PERIPHERAL, Case, case, dose, other, seen

KINDS = ("bolus", "rate", "modelled rate", "modelled duration", "long")


def _each() -> list[Case]:
    """Every kind of dose × lag × F × ADDL × model."""
    cases = []
    for place, (model, kind, lag) in enumerate((m, k, lg) for m in MODELS for k in KINDS for lg in (0.0, 1.375)):
        cmt = 1 if place % 3 else CENTRAL[model]
        amount, share, count = 120.0 + 7.5 * place, (1.0, 0.64, 0.87)[place % 3], (0, 3, 2, 0, 4)[place % 5]
        interval = (7.25, 11.5, 8.0, 13.75)[place % 4]
        parameters = {f"F{cmt}": share, f"ALAG{cmt}": lag, f"R{cmt}": 31.4, f"D{cmt}": 2.85}
        rate = {"bolus": 0, "rate": 46.5, "modelled rate": -1, "modelled duration": -2, "long": amount / 15.2}[kind]
        items = {"rate": rate} | ({"addl": count, "ii": interval} if count else {})
        start = (0.0, 0.75, 2.3)[place % 3]
        name = f"dose/{model}/{kind}/cmt {cmt}/lag {lag}/F {share}/addl {count}"
        cases.append(
            case(name, model, dose(start, amount, cmt, **items), to=start + 4.2 + (count + 1) * interval, **parameters)
        )
    return cases


def _several() -> list[Case]:
    return [
        case("several/depot and central at one instant", "oral1", dose(0, 90), dose(0, 35.5, 2), to=18.4),
        case(
            "several/depot, central and peripheral at one instant",
            "oral2",
            dose(1.5, 80),
            dose(1.5, 44, 2),
            dose(1.5, 21.5, 3),
            to=20.25,
        ),
        case("several/bolus and infusion at one instant", "iv2", dose(0, 60), dose(0, 75, rate=12.5), to=16.8),
        case(
            "several/two lags for two compartments",
            "oral2",
            dose(0, 130, ii=9.5, addl=2),
            dose(0, 66, 2, rate=24, ii=9.5, addl=2),
            to=31,
            ALAG1=0.625,
            ALAG2=2.125,
            F1=0.71,
            F2=0.93,
        ),
        case(
            "several/infusions that overlap in one compartment",
            "iv2",
            dose(0, 90, rate=15),
            dose(2.2, 80, rate=32),
            dose(3.9, 25, rate=50),
            to=14.6,
        ),
        case(
            "several/infusions into both compartments overlap",
            "oral1",
            dose(0.4, 90, rate=20),
            dose(1.9, 70, 2, rate=14),
            to=13.3,
        ),
        case(
            "several/additional infusions overlap themselves",
            "oral1",
            dose(0, 150, 2, rate=12, ii=5.75, addl=4),
            to=44.5,
        ),
        case(
            "several/doses between additional doses",
            "oral1",
            dose(10, 150, ii=12, addl=2),
            dose(20, 100),
            dose(26.6, 45, 2),
            to=41.2,
        ),
        case("several/two series at once", "oral2", dose(0, 55, ii=6, addl=5), dose(1.7, 140, ii=15.5, addl=2), to=41),
        case("several/into the peripheral compartment", "oral2", dose(0, 64, PERIPHERAL["oral2"], rate=18), to=19.4),
        case("several/infusion into the peripheral compartment", "iv2", dose(0.5, 88, 2, rate=-2), to=21.7, D2=4.45),
        case("several/negative times", "oral1", dose(-7.5, 96, ii=6.25, addl=2), to=14.5),
        case("several/default compartment", "oral2", dose(0, 111, 0, ii=8.5, addl=1), to=21.3, F1=0.77, ALAG1=0.5),
        case("several/no dose at all", "iv2", other(0), to=5.5),
        case("several/doses past the end never come", "oral1", dose(0, 75, ii=24, addl=6), to=30.2),
        case("several/lag longer than the interval", "oral1", dose(0, 70, ii=4.5, addl=3), to=31.5, ALAG1=6.25),
        case(
            "several/lag past the end never comes",
            "iv2",
            dose(0, 40),
            dose(2.5, 500, 2),
            to=9.75,
            ALAG2=12.5,
        ),
        case(
            "several/lag, long infusion, additional doses",
            "oral2",
            dose(0, 240, 2, rate=16, ii=10.5, addl=2),
            to=47,
            ALAG2=3.875,
            F2=0.83,
        ),
    ]


def _order() -> list[Case]:
    """Records of one time: file order; what has no record of its own comes first."""
    sight = {"to": 30.0}
    return [
        case("order/observation, dose, observation", "oral1", dose(0, 80), seen(8), dose(8, 70), seen(8), to=19.6),
        case(
            "order/observation between two doses of one time",
            "oral1",
            dose(0, 80),
            dose(8, 70),
            seen(8),
            dose(8, 30, 2),
            seen(8),
            to=19.6,
        ),
        case(
            "order/additional dose at the time of an observation",
            "oral1",
            dose(0, 80, ii=8, addl=3),
            seen(8),
            seen(16),
            **sight,
        ),
        case(
            "order/additional dose at the time of a dose record",
            "oral2",
            dose(0, 95, ii=7.5, addl=3),
            seen(7.5),
            dose(7.5, 40, 2),
            seen(15),
            dose(15, 33),
            **sight,
        ),
        case(
            "order/lagged dose at the time of an observation",
            "iv2",
            dose(0, 60),
            dose(6.5, 85),
            seen(7.75),
            to=15.5,
            ALAG1=1.25,
        ),
        case(
            "order/lagged dose at the time of the next dose record",
            "oral1",
            dose(0, 60),
            seen(2.5),
            dose(2.5, 85),
            seen(5),
            to=17.1,
            ALAG1=2.5,
        ),
        case(
            "order/end of an infusion at the time of records",
            "iv2",
            dose(0, 90, rate=20),
            seen(4.5),
            dose(4.5, 31),
            seen(4.5),
            to=12.2,
        ),
        case(
            "order/additional infusion starts where the last ends",
            "iv2",
            dose(0, 96, rate=16, ii=6, addl=3),
            seen(6),
            seen(12),
            **sight,
        ),
    ]


DOSES: tuple[Case, ...] = (*_each(), *_several(), *_order())
