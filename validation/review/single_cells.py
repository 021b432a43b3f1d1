"""Counted molecules and cells, from their cards: the differential equations that the cards give for the means."""

from __future__ import annotations

from validation.reviewing import Rewritten, review


def _two_stage(k, kp, gm, g, names):
    """Return transcripts and what they make, at a constant rate of transcription, with the closed forms at rest."""

    def rates(_t, y):
        return [k - gm * y[0], kp * y[0] - g * y[1]]

    out = {"mean": k * kp / (gm * g), "fano": 1.0 + kp / (gm + g), "a": k / g, "b": kp / gm}
    return names, rates, out


def _by_drug(k0, kmax, K, h, D):
    """Return the rate of transcription under a drug."""
    return k0 + kmax * D**h / (K**h + D**h) if D > 0.0 else k0


@review("birth_death")
def birth_death(p, start):
    """From the card's equations (Gillespie 1977 for the jumps)."""
    out = {"mean": p.k / p.g}
    return Rewritten(("n",), [start.n], lambda _t, y: [p.k - p.g * y[0]], lambda _t, _y: out, end=8.0 / p.g)


@review("telegraph_gene")
def telegraph_gene(p, start):
    """From the card's equations (Peccoud and Ycart 1995); the copies start off."""

    def rates(_t, y):
        off, on, m = y
        switched = p.kon * off - p.koff * on
        return [-switched, switched, p.km * on - p.gm * m]

    both = p.kon + p.koff
    out = {
        "mean": p.copies * p.kon / both * p.km / p.gm,
        "fano": 1.0 + p.km * p.koff / (both * (both + p.gm)),
        "burst": p.km / p.koff,
    }
    start = [p.copies, start.on, start.m]
    return Rewritten(("off", "on", "m"), start, rates, lambda _t, _y: out, end=8.0 / p.gm)


@review("bursty_protein")
def bursty_protein(p, start):
    """From the card's equations (Thattai and van Oudenaarden 2001)."""
    names, rates, out = _two_stage(p.km, p.kp, p.gm, p.g, ("m", "p"))
    return Rewritten(names, [start.m, start.p], rates, lambda _t, _y: out, end=8.0 / p.g)


@review("apoptosis_signal", ranges={"D": (1.0, 100.0)})
def apoptosis_signal(p, start):
    """From the card's equations (Friedman, Cai and Xie 2006); the drug is held at its value."""
    k = _by_drug(p.k0, p.kmax, p.K, p.h, p.D)
    names, rates, out = _two_stage(k, p.kp, p.gm, p.g, ("m", "s"))
    return Rewritten(names, [start.m, start.s], rates, lambda _t, y: {**out, "k": k, "level": y[1]}, end=8.0 / p.g)


@review("apoptosis_threshold", valid=lambda p: p.signal >= p.threshold, ranges={"signal": (50.0, 500.0)})
def apoptosis_threshold(p, start):
    """From the card's equations, of a signal that is held: below the threshold as it stands, above it as drawn."""
    above = 1.0 if p.signal >= p.threshold else 0.0
    out = {"above": above, "margin": p.threshold - p.signal}

    def rates(_t, y):
        death = p.kdie * above * y[0]
        return [-death, death]

    return Rewritten(("alive", "dead"), [start.alive, start.dead], rates, lambda _t, _y: out, end=5.0 / p.kdie)


@review("cytotoxic_plasma")
def cytotoxic_plasma(p, start):
    """From the card's equations."""
    rate = p.CL / p.V
    return Rewritten(
        ("drug",), [start.drug], lambda _t, y: [-rate * y[0]], lambda _t, y: {"C": y[0] / p.V}, end=8.0 / rate
    )


@review("schlogl")
def schlogl(p, start):
    """From the card's equation (Schlögl 1972), with whole molecules: x (x - 1) / 2 pairs."""

    def laws(x):
        return p.k1 * x * (x - 1.0) / 2.0, p.k2 * x * (x - 1.0) * (x - 2.0) / 6.0

    def rates(_t, y):
        up, down = laws(y[0])
        return [up - down + p.k3 - p.k4 * y[0]]

    def outputs(_t, y):
        up, down = laws(y[0])
        return {"up2": up, "down3": down}

    return Rewritten(("x",), [start.x], rates, outputs, end=5.0 / p.k4)


@review("toggle_switch")
def toggle_switch(p, start):
    """From the card's equations (Gardner, Cantor and Collins 2000): K_v and n_v say how v represses u."""

    def rates(_t, y):
        u, v = y
        made_u = p.alpha_u / (1.0 + (v / p.K_v) ** p.n_v)
        made_v = p.alpha_v / (1.0 + (u / p.K_u) ** p.n_u)
        return [made_u - p.g * u, made_v - p.g * v]

    return Rewritten(("u", "v"), [start.u, start.v], rates, lambda _t, y: {"lead": y[0] - y[1]}, end=10.0 / p.g)


@review("fractional_killing_cells", ranges={"pk.drug": (200.0, 5000.0), "death.s": (0.0, 400.0)})
def fractional_killing_cells(p, start):
    """From the card's equations and those of its parts' cards; the mean signal decides."""
    gm, kp, g = p.death_gm, p.death_kp, p.death_g

    def signal(drug):
        return _by_drug(p.k0, p.kmax, p.K, p.h, drug / p.V)

    def rates(_t, y):
        drug, m, s, alive, _dead = y
        death = p.kdie * alive if s >= p.threshold else 0.0
        return [-p.CL / p.V * drug, signal(drug) - gm * m, kp * m - g * s, -death, death]

    def outputs(_t, y):
        k = signal(y[0])
        out = {"pk.C": y[0] / p.V, "death.k": k, "death.level": y[2]}
        out |= {"decision.above": float(y[2] >= p.threshold), "decision.margin": p.threshold - y[2]}
        at_rest = _two_stage(k, kp, gm, g, ())[2]
        return out | {f"death.{name}": value for name, value in at_rest.items()}

    names = ("pk.drug", "death.m", "death.s", "decision.alive", "decision.dead")
    y0 = [start.pk_drug, start.death_m, start.death_s, start.decision_alive, start.decision_dead]
    return Rewritten(names, y0, rates, outputs, end=8.0 / g)
