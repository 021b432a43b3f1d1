"""``predict`` against the naive oracle of NONMEM's rules, on every regimen.

    python -m validation.nonmem.agreement

The oracle (``oracle.py``) is written from the rules alone and shares no code with the package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import sbmlqsp as qsp
from validation.nonmem.building import ITEMS, Case
from validation.nonmem.oracle import amounts
from validation.nonmem.regimens import REGIMENS

TOLERANCE = 1e-6
FLOOR = 1e-9  # amounts below this share of a subject's largest are compared with it

COMPARTMENTS = {
    "oral1": {1: "depot", 2: "central"},
    "iv2": {1: "central", 2: "peripheral"},
    "oral2": {1: "depot", 2: "central", 3: "peripheral"},
}
_TEXT = {
    "oral1": """model oral1
      compartment V = 30
      substanceOnly species depot in V = 0, central in V = 0
      absorption: depot => central; KA*depot
      elimination: central => ; CL/V*central
      KA = 1; CL = 3
    end""",
    "iv2": """model iv2
      compartment V = 30, V2 = 40
      substanceOnly species central in V = 0, peripheral in V2 = 0
      elimination: central => ; CL/V*central
      exchange: central -> peripheral; Q/V*central - Q/V2*peripheral
      CL = 3; Q = 1
    end""",
    "oral2": """model oral2
      compartment V = 30, V2 = 40
      substanceOnly species depot in V = 0, central in V = 0, peripheral in V2 = 0
      absorption: depot => central; KA*depot
      elimination: central => ; CL/V*central
      exchange: central -> peripheral; Q/V*central - Q/V2*peripheral
      KA = 1; CL = 3; Q = 1
    end""",
}


@cache
def model(name: str) -> qsp.Model:
    """Return one of the three models."""
    return qsp.read_antimony(_TEXT[name])


def data_set(cases: Sequence[Case]) -> tuple[qsp.Records, dict[str, Any]]:
    """Return cases of one model as one data set, a subject each, and their parameters record by record."""
    frames = [case.frame().assign(ID=number) for number, case in enumerate(cases, 1)]
    table = pd.concat(frames, ignore_index=True)
    names = [c for c in table if c not in ITEMS | {"ID"}]
    parameters = {n: table[n].fillna(1.0 if n[0] in "FRD" else 0.0).to_numpy(dtype=float) for n in names}
    items = table[[c for c in table if c not in names]].fillna(0.0)
    return qsp.Records(items), parameters


def predicted(cases: Sequence[Case]) -> Any:
    """Return the amounts that the package finds at every record of cases of one model."""
    name = cases[0].model
    data, parameters = data_set(cases)
    columns = []
    for symbol in COMPARTMENTS[name].values():
        ready = qsp.Predictor(
            model(name), data, compartments=COMPARTMENTS[name], observables=f"amount({symbol})", records="all"
        )
        columns.append(ready(parameters))
    return np.stack(columns, axis=1)


def errors(cases: Sequence[Case]) -> Mapping[str, float]:
    """Return the largest relative error of each case."""
    found, out, place = predicted(cases), {}, 0
    for case in cases:
        exact = amounts(case.frame(), case.model)
        mine = found[place : place + len(exact)]
        place += len(exact)
        size = np.maximum(np.abs(exact), FLOOR * np.abs(exact).max(initial=0.0))
        out[case.name] = float((np.abs(mine - exact) / np.where(size > 0, size, 1.0)).max())
    return out


def main() -> int:
    """Print the figures; the exit status counts the regimens that disagree."""
    bad = 0
    for name in COMPARTMENTS:
        found = errors([c for c in REGIMENS if c.model == name])
        worst = max(found, key=lambda k: found[k])
        wrong = {k: e for k, e in found.items() if not e <= TOLERANCE}
        bad += len(wrong)
        print(f"{name}: {len(found)} regimens, largest relative error {found[worst]:.1e} ({worst}), {len(wrong)} wrong")
        for case, error in wrong.items():
            print(f"  {case}: {error:.1e}")
    return bad


if __name__ == "__main__":
    raise SystemExit(main())
