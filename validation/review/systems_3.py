"""The whole-body system, written from its card and those of its parts."""

from __future__ import annotations

import math

from validation.review.systems import prefixed
from validation.reviewing import Rewritten, review

FLOW_LIMITED = ("lung", "gut", "muscle", "adipose", "rest")
ORGANS = ("lung", "gut", "liver", "kidney", "muscle", "adipose", "rest")


class Body:
    """Volumes, flows and clearances of a subject, and what follows from them (card of pbpk_body)."""

    def __init__(self, p):
        volume, flow = (p.WT / p.WT_ref) ** p.volume_exponent, (p.WT / p.WT_ref) ** p.flow_exponent
        self.p = p
        self.v = {x: getattr(p, f"V_{x}_ref") * volume for x in ("art", "ven", *ORGANS)}
        self.kp = {x: getattr(p, f"Kp_{x}") for x in ORGANS}
        output = p.Q_co_ref * flow
        shares = {x: getattr(p, f"q_{x}") for x in ("ha", "gut", "kidney", "muscle", "adipose")}
        self.q = {x: share * output for x, share in shares.items()}
        self.q.update(lung=output, rest=(1.0 - sum(shares.values())) * output)
        self.q["liver"] = self.q["ha"] + self.q["gut"]
        self.clint = {x: getattr(p, f"CLint_{x}") for x in FLOW_LIMITED}
        self.metabolic = p.fu * p.f_liver * p.CLint_ref * volume
        self.filtered = p.fu * p.f_kidney * p.GFR_ref * flow * (1.0 - p.F_reab)
        self.secreted = p.fu * p.f_kidney * p.CL_sec_ref * flow * (1.0 - p.F_reab)
        self.e = self._extractions()

    def _extractions(self):
        bp = self.p.BP
        e = {x: self.clint[x] * self.kp[x] / (self.q[x] * bp + self.clint[x] * self.kp[x]) for x in FLOW_LIMITED}
        e["liver"] = self.metabolic / (self.q["liver"] * bp + self.metabolic)
        self.e_s = self.secreted / (self.q["kidney"] * bp + self.secreted)
        filtered = self.filtered / (self.q["kidney"] * bp)
        e["kidney"] = filtered + (1.0 - filtered) * self.e_s
        return e

    def kp_ss(self, x):
        return self.kp[x] / self.p.BP * (1.0 - self.e[x])

    def leaving(self, x, conc):
        """Return the concentration in the blood that leaves an organ."""
        return conc * self.p.BP / self.kp[x]

    def eliminated(self, arterial, c):
        """Return the rates of elimination by organ."""
        rate = {x: self.clint[x] * c[x] for x in FLOW_LIMITED}
        rate["liver"] = self.metabolic * c["liver"] / self.kp["liver"]
        rate["kidney"] = self.filtered / self.p.BP * arterial + self.secreted * c["kidney"] / self.kp["kidney"]
        return rate

    def rates(self, _t, y):
        """Return d(arterial, venous, organs, depot, eliminated)/dt, blood and organs in concentrations."""
        p, q, v = self.p, self.q, self.v
        arterial, venous, depot = y[0], y[1], y[9]
        c = dict(zip(ORGANS, y[2:9], strict=True))
        out = {x: q[x] * self.leaving(x, c[x]) for x in ORGANS}
        gone = self.eliminated(arterial, c)
        gain = {x: q[x] * arterial - out[x] - gone[x] for x in ("gut", "kidney", "muscle", "adipose", "rest")}
        gain["gut"] += p.ka * depot
        gain["lung"] = q["lung"] * venous - out["lung"] - gone["lung"]
        gain["liver"] = q["ha"] * arterial + out["gut"] - out["liver"] - gone["liver"]
        returned = sum(out[x] for x in ("liver", "kidney", "muscle", "adipose", "rest"))
        return [
            (out["lung"] - q["lung"] * arterial) / v["art"],
            (returned - q["lung"] * venous + p.R_in) / v["ven"],
            *(gain[x] / v[x] for x in ORGANS),
            -p.ka * depot,
            sum(gone.values()),
        ]

    def clearances(self):
        """Return clearances, bioavailability and volumes of the whole body, of plasma."""
        p, q, v, e, kp = self.p, self.q, self.v, self.e, self.kp
        after_gut = q["ha"] + q["gut"] * (1.0 - e["gut"])
        others = sum(q[x] * e[x] for x in ("gut", "muscle", "adipose", "rest"))
        cl_h, cl_r = p.BP * after_gut * e["liver"], p.BP * q["kidney"] * e["kidney"]
        cl_other = p.BP * (others + q["lung"] * e["lung"] / (1.0 - e["lung"]))
        held = sum(v[x] * self.kp_ss(x) for x in ("gut", "kidney", "muscle", "adipose", "rest"))
        held += v["liver"] * self.kp_ss("liver") * after_gut / q["liver"]
        before_lung = (v["ven"] + v["lung"] * self.kp_ss("lung")) / (1.0 - e["lung"])
        slow = ("muscle", "adipose", "rest")
        return {
            "CL_h": cl_h,
            "CL_r": cl_r,
            "CL_other": cl_other,
            "CL": cl_h + cl_r + cl_other,
            "F": (1.0 - e["gut"]) * (1.0 - e["liver"]),
            "Vss": p.BP * (v["art"] + before_lung + held),
            "V1_lumped": p.BP * (v["art"] + v["ven"]) + sum(v[x] * kp[x] for x in ORGANS if x not in slow),
            "V2_lumped": sum(v[x] * kp[x] for x in slow),
            "Q_lumped": p.BP * sum(q[x] for x in slow),
        }

    def flow_limited(self, x):
        """Return the constants of one perfusion-limited organ."""
        flow, kp, own = self.q[x] * self.p.BP, self.kp[x], self.clint[x]
        constants = {
            "E": self.e[x],
            "CL_organ": self.q[x] * self.e[x],
            "CLint_plasma": own * kp,
            "Kp_ss": self.kp_ss(x),
            "t_half": math.log(2.0) * self.v[x] * kp / flow,
            "t_half_total": math.log(2.0) * self.v[x] / (flow / kp + own),
        }
        return prefixed(x, constants)

    def liver_and_kidney(self):
        """Return the constants of liver and kidney."""
        p, q, e = self.p, self.q, self.e
        liver = {
            "Q": q["liver"],
            "E": e["liver"],
            "F_h": 1.0 - e["liver"],
            "CL_h": q["liver"] * e["liver"],
            "CL_h_plasma": p.BP * q["liver"] * e["liver"],
            "Kp_ss": self.kp_ss("liver"),
        }
        kidney = {
            "CL_f": self.filtered,
            "E_s": self.e_s,
            "E": e["kidney"],
            "CL_r": p.BP * q["kidney"] * e["kidney"],
            "CL_r_blood": q["kidney"] * e["kidney"],
            "Kp_ss": self.kp_ss("kidney"),
        }
        return {**prefixed("liver", liver), **prefixed("kidney", kidney)}

    def moving(self, y):
        """Return the outputs that change with time."""
        p, c = self.p, dict(zip(ORGANS, y[2:9], strict=True))
        found = {
            "C": y[1] / p.BP,
            "C_art": y[0] / p.BP,
            "body": y[0] * self.v["art"] + y[1] * self.v["ven"] + sum(c[x] * self.v[x] for x in ORGANS),
            "art.C_blood": y[0],
            "art.C_plasma": y[0] / p.BP,
            "ven.C_blood": y[1],
            "ven.C_plasma": y[1] / p.BP,
            "amount(liver.tissue)": c["liver"] * self.v["liver"],
        }
        for x, rate in self.eliminated(y[0], c).items():
            found[f"{x}.{'excretion_rate' if x == 'kidney' else 'elimination_rate'}"] = rate
            found[f"{x}.C"] = c[x]
            found[f"{x}.{'Cart' if x == 'lung' else 'Cven'}"] = self.leaving(x, c[x])
        return found


def _possible(p):
    """Return whether the flows add up to cardiac output and no more is filtered than flows through the kidney."""
    shares = p.q_ha + p.q_gut + p.q_kidney + p.q_muscle + p.q_adipose
    flow = (p.WT / p.WT_ref) ** p.flow_exponent
    filtered = p.fu * p.f_kidney * p.GFR_ref * flow
    return shares < 1.0 and filtered < p.q_kidney * p.Q_co_ref * flow * p.BP


@review("pbpk_body", valid=_possible)
def pbpk_body(p, start):
    """From the card's equations (Jones and Rowland-Yeo 2013; Rowland et al. 1973; Nestorov et al. 1998)."""
    body = Body(p)
    constants = {**body.clearances(), **body.liver_and_kidney()}
    for x in FLOW_LIMITED:
        constants.update(body.flow_limited(x))
    constants.update({f"V_{x}": volume for x, volume in body.v.items()})
    constants.update({f"Q_{'co' if x == 'lung' else x}": flow for x, flow in body.q.items() if x != "liver"})
    tissues = tuple(f"{x}.tissue" for x in ORGANS)
    held = [getattr(start, f"{x}_tissue") for x in ORGANS]
    return Rewritten(
        states=("art.arterial", "ven.venous", *tissues, "oral.depot", "eliminated"),
        start=[start.art_arterial, start.ven_venous, *held, start.oral_depot, start.eliminated],
        rates=body.rates,
        outputs=lambda _t, y: {**constants, **body.moving(y)},
        end=24.0,
    )
