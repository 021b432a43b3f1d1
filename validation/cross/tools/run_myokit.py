"""Run a job in Myokit: its SBML importer, and its own evaluation of derivatives in SciPy's LSODA."""

from __future__ import annotations

from typing import Any

from common import grid, serve


def run(job: dict[str, Any]) -> dict[str, Any]:
    import myokit
    import myokit.formats.sbml as sbml
    from scipy.integrate import solve_ivp

    model = sbml.SBMLParser().parse_string(job["sbml"].encode()).myokit_model()
    names = [v.qname() for v in model.states()]
    start = [float(x) for x in model.initial_values(as_floats=True)]
    times = grid(job)

    def slope(t: float, y: Any) -> Any:
        return model.evaluate_derivatives(list(y), {"time": t})

    y = [start] * len(times)
    if names:
        run = solve_ivp(
            slope, (0.0, times[-1]), start, "LSODA", times, rtol=1e-9, atol=job["absolute"], max_step=job["end"] / 50
        )
        if not run.success:
            raise RuntimeError(run.message)
        y = run.y.T.tolist()
    values: dict[str, list[float]] = {}
    for t, state in zip(times, y, strict=True):
        for name, value in _everything(model, state, t).items():
            values.setdefault(name, []).append(value)
    return {"version": myokit.__version__, **_sorted(values)}


def _everything(model: Any, state: list[float], time: float) -> dict[str, float]:
    found = {}
    for v, x in zip(model.states(), state, strict=True):
        v.set_initial_value(x)
    model.time().set_rhs(time)
    known = dict(zip([v.qname() for v in model.states()], state, strict=True))
    for v in model.variables(deep=True):
        found[v.name()] = known.get(v.qname())
        if found[v.name()] is None:
            found[v.name()] = float(v.eval())
    return found


def _sorted(values: dict[str, list[float]]) -> dict[str, dict[str, list[float]]]:
    amounts = {n.removesuffix("_amount"): c for n, c in values.items() if n.endswith("_amount")}
    concentrations = {n.removesuffix("_concentration"): c for n, c in values.items() if n.endswith("_concentration")}
    return {"amounts": amounts, "concentrations": concentrations, "values": values}


serve(run)
