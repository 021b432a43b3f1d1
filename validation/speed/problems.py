"""The problems on which engines are timed: models as text, what is given, what varies between patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["PROBLEMS", "Problem"]


@dataclass(frozen=True)
class Problem:
    """A model in Antimony, output times, a regimen, and the parameters that vary; its size says how many patients."""

    name: str
    text: str
    times: tuple[float, ...]
    regimen: str
    vary: tuple[str, ...]
    size: int


def _times(end: float, rows: int) -> tuple[float, ...]:
    return tuple(np.linspace(0.0, end, rows).tolist())


TMDD = """model tmdd
  compartment V = 3.6; substanceOnly species C in V, P in V, R in V, RC in V; C = 0; P = 0; R = 44.5; RC = 0
  CL = 0.2; Q = 0.75; V2 = 2.75; ksyn = 9.5; kdeg = 0.2136; kon = 2.184; koff = 0.024; kint = 0.072
  J1: C -> ; CL/V*C; J2: C -> P; Q/V*C; J3: P -> C; Q/V2*P; J4: -> R; ksyn; J5: R -> ; kdeg*R
  J6: C + R -> RC; kon*C*R/V; J7: RC -> C + R; koff*RC; J8: RC -> ; kint*RC
end"""

MINIMAL_PBPK = """model minimal_pbpk
  compartment Vp = 2.6; substanceOnly species p in Vp, t in Vp, l in Vp, k in Vp, R in Vp, RC in Vp, S in Vp
  p = 0; t = 0; l = 0; k = 0; R = 30; RC = 0; S = 100
  Vt = 8.1; Vk = 4.4; Vl = 2.6; L = 2.9; s1 = 0.95; s2 = 0.7; sl = 0.2; CLp = 0.2; kdeg = 0.3; kon = 1.5; koff = 0.05
  kint = 0.1; kin = 10; kout = 0.1; IC50 = 5
  a1: p -> t; 0.33*L*(1 - s1)*p/Vp; a2: p -> k; 0.67*L*(1 - s2)*p/Vp; a3: t -> l; 0.33*L*(1 - sl)*t/Vt
  a4: k -> l; 0.67*L*(1 - sl)*k/Vk; a5: l -> p; L*l/Vl; a6: p -> ; CLp*p/Vp
  b1: -> R; 30*kdeg; b2: R -> ; kdeg*R; b3: t + R -> RC; kon*t*R/Vt; b4: RC -> t + R; koff*RC; b5: RC -> ; kint*RC
  c1: -> S; kin*(1 - RC/(IC50 + RC)); c2: S -> ; kout*S
end"""


def whole_body() -> str:
    """Return perfusion-limited PBPK of 14 organs between lung, arteries and veins, with absorption and clearance."""
    organs = {
        "adipose": (14.5, 18.2, 9.0), "bone": (10.0, 18.0, 2.0), "brain": (1.45, 42.0, 1.5), "gut": (1.2, 55.0, 2.5),
        "heart": (0.33, 14.0, 2.2), "kidney": (0.31, 66.0, 2.8), "muscle": (29.0, 60.0, 1.8), "skin": (3.3, 17.5, 1.6),
        "spleen": (0.18, 10.0, 2.1), "pancreas": (0.14, 3.5, 2.3), "thymus": (0.02, 0.6, 1.7),
        "gonads": (0.04, 0.4, 1.9), "thyroid": (0.02, 5.6, 2.0), "rest": (5.0, 25.0, 1.4),
    }  # fmt: skip
    portal = ("gut", "spleen", "pancreas")
    flow = sum(q for _, q, _ in organs.values()) + 20.0
    names = [*organs, "liver", "lung", "art", "ven", "lumen"]
    lines = [f"compartment V = 1; substanceOnly species {', '.join(f'{n} in V' for n in names)}",
             "fup = 0.2; CLint = 300; ka = 1; scale = 1", f"Qc := {flow}*scale"]  # fmt: skip
    lines += [f"{n} = 0" for n in names]
    for n, (v, q, kp) in organs.items():
        back = "liver" if n in portal else "ven"
        lines.append(f"in_{n}: art -> {n}; {q}*scale*art/1.7; out_{n}: {n} -> {back}; {q}*scale*{n}/({v}*{kp})")
    through = 20.0 + sum(organs[n][1] for n in portal)
    lines += ["in_liver: art -> liver; 20*scale*art/1.7", f"out_liver: liver -> ven; {through}*scale*liver/(1.7*3)",
              "clear: liver -> ; CLint*fup*liver/(1.7*3)", "gfr: kidney -> ; 7.2*fup*kidney/(0.31*2.8)",
              "v_l: ven -> lung; Qc*ven/3.9; l_a: lung -> art; Qc*lung/(0.5*1.2)",
              "absorb: lumen -> gut; ka*lumen"]  # fmt: skip
    return "model body; " + "; ".join(lines) + "; end"


MAPK = """model mapk
  substanceOnly species E1, K3, K3s, K3E, K3sE, K2, K2p, K2pp, K2a, K2b, K2c, K2d, K1, K1p, K1pp, K1a, K1b, K1c, K1d
  compartment V = 1; E1 = 3e-5; K3 = 3e-3; K2 = 1.2; K1 = 1.2; K3s = 0; K3E = 0; K3sE = 0; K2p = 0; K2pp = 0; K2a = 0
  K2b = 0; K2c = 0; K2d = 0; K1p = 0; K1pp = 0; K1a = 0; K1b = 0; K1c = 0; K1d = 0; a = 1000; d = 150; k = 150
  E2 := 3e-4 - K3sE; P2 := 3e-4 - K2c - K2d; P1 := 0.12 - K1c - K1d
  r1: K3 + E1 -> K3E; a*K3*E1 - d*K3E; r2: K3E -> K3s + E1; k*K3E; r3: K3s -> K3sE; a*K3s*E2 - d*K3sE
  r4: K3sE -> K3; k*K3sE; r5: K2 + K3s -> K2a; a*K2*K3s - d*K2a; r6: K2a -> K2p + K3s; k*K2a
  r7: K2p + K3s -> K2b; a*K2p*K3s - d*K2b; r8: K2b -> K2pp + K3s; k*K2b; r9: K2p -> K2c; a*K2p*P2 - d*K2c
  r10: K2c -> K2; k*K2c; r11: K2pp -> K2d; a*K2pp*P2 - d*K2d; r12: K2d -> K2p; k*K2d
  r13: K1 + K2pp -> K1a; a*K1*K2pp - d*K1a; r14: K1a -> K1p + K2pp; k*K1a; r15: K1p + K2pp -> K1b; a*K1p*K2pp - d*K1b
  r16: K1b -> K1pp + K2pp; k*K1b; r17: K1p -> K1c; a*K1p*P1 - d*K1c; r18: K1c -> K1; k*K1c
  r19: K1pp -> K1d; a*K1pp*P1 - d*K1d; r20: K1d -> K1p; k*K1d
end"""


def chains(size: int) -> str:
    """Return cascades of ten steps, each with binding to a shared enzyme, saturable turnover, and one dosed input."""
    names = [f"s{i}" for i in range(size)]
    lines = [f"substanceOnly species {', '.join(names)}; compartment V = 1; f = 1; g = 1"]
    for i in range(size):
        lines.append(f"s{i} = {1 + i % 4}")
        if i % 10 == 0:
            lines.append(f"m{i}: -> s{i}; f*{1 + 0.1 * (i % 7):g}")
        else:
            fast = 10.0 ** (i % 4 - 1)
            lines.append(f"t{i}: s{i - 1} -> s{i}; {fast:g}*f*s{i - 1} - {0.3 * fast:g}*g*s{i}")
        lines.append(f"d{i}: s{i} -> ; g*{0.4 + 0.01 * i:g}*s{i}/(2 + s{i} + 0.1*s{(7 * i + 3) % size})")
    return "model chains; " + "; ".join(lines) + "; end"


PROBLEMS = (
    Problem("TMDD", TMDD, _times(84.0, 169), "3000 into C every 21 x 4", ("CL", "ksyn", "kint"), 4),
    Problem("minimal PBPK with a target", MINIMAL_PBPK, _times(84.0, 169), "1000 into p every 21 x 4",
            ("CLp", "kdeg", "L"), 7),
    Problem("whole-body PBPK", whole_body(), _times(72.0, 145), "100 into lumen every 24 x 3",
            ("CLint", "ka", "scale"), 19),
    Problem("MAPK cascade", MAPK, _times(100.0, 101), "no doses", ("a", "d", "k"), 19),
    Problem("100 states", chains(100), _times(48.0, 97), "20 into s0 every 12 x 4", ("f", "g"), 100),
    Problem("300 states", chains(300), _times(48.0, 97), "20 into s0 every 12 x 4", ("f", "g"), 300),
)  # fmt: skip
