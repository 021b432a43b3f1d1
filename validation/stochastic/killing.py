"""Fractional killing cell by cell: simulated shares against the incomplete gamma function and the exact law.

    python -m validation.stochastic.killing [FOLDER]

Cells of ``apoptosis_signal`` at constant drugs, at rest. The share of cells above a threshold at one moment is
Q(a, S_T/b), the regularised upper incomplete gamma function with a bursts in a lifetime of the signal and b molecules
in a burst, under the conditions that hold here:

- the signal is at rest at the time of decision (twelve lifetimes after the drug came);
- transcripts are short-lived (their lifetime is a two-hundredth of the signal's): the signal is negative binomial;
- bursts are large (60 molecules): the negative binomial law is near the Gamma law. A count above S_T is one from
  S_T + 1/2 on.

Where the first is broken on purpose (too soon after the drug), the closed form must fail: a negative control. The share
of cells that have crossed the threshold at some time so far is larger, and must not be taken for it.

With a folder the figures are written there.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from scipy.special import gammaincc
from scipy.stats import binom, nbinom

import sbmlqsp as qsp
from sbmlqsp.catalogue import ProvisionalModelWarning
from sbmlqsp.ensembles import dose_kill_curve, fano, fit_distribution, killed, noise, survival
from sbmlqsp.plot.cells import cells as draw_cells
from sbmlqsp.plot.ensembles import distribution, dose_kill
from sbmlqsp.plot.ensembles import survival as draw_survival
from validation.population.checks import Checks

CELLS = 3000
DOSES = (0.0, 3.0, 6.0, 10.0, 20.0, 60.0)
THRESHOLDS = (120, 250, 400, 700)
MOST = 3.0
"""Standard errors that the closed form may be off, at every point of the grid."""
VALUES = {"g": 0.5, "gm": 100.0, "kp": 6000.0, "k0": 0.5, "kmax": 4.5, "K": 10.0, "h": 2.0}
LIFETIME, BURST = 1.0 / VALUES["g"], VALUES["kp"] / VALUES["gm"]


def bursts(drug: float) -> float:
    """Return a, the bursts in a lifetime of the signal."""
    v = VALUES
    return (v["k0"] + v["kmax"] * drug ** v["h"] / (v["K"] ** v["h"] + drug ** v["h"])) / v["g"]


def closed(drug, threshold: float):
    """Return Q(a, S_T/b)."""
    return np.array([gammaincc(bursts(d), (threshold + 0.5) / BURST) for d in np.atleast_1d(drug)])


def exact(drug: float, threshold: float) -> float:
    """Return the share above a threshold by the law for short-lived transcripts."""
    return float(nbinom.sf(threshold, bursts(drug), 1.0 / (1.0 + BURST)))


def load(name: str) -> qsp.Model:
    """Return a model of the library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProvisionalModelWarning)
        return qsp.load(name)


def cells_at_rest(model: qsp.Model, **more):
    """Return cells of every dose, some lifetimes after the drug came to them."""
    times = np.array([0.0, 0.5, *range(1, 13)]) * LIFETIME
    arms = [
        qsp.Experiment(model, id=f"{d:g} nmol/L", times=times, observables=["s"], changes={**VALUES, "D": d}, **more)
        for d in DOSES
    ]
    return qsp.simulate(arms, method="ssa", replicates=CELLS, seed=7, progress=False)


def snapshots(ds, checks: Checks) -> bool:
    """Compare shares at rest with the closed form, within standard errors, and with the exact law, by p-values."""
    off = []
    last = ds["s"].to_numpy()[:, 0, :, -1]
    print(f"{'drug':>6} {'S_T':>5} {'simulated':>9} {'Q(a, S_T/b)':>11} {'exact':>7} {'off (SE)':>8}")
    for e, drug in enumerate(DOSES):
        for threshold in THRESHOLDS:
            hits = int((last[e] > threshold).sum())
            theory, law = float(closed(drug, threshold)[0]), exact(drug, threshold)
            error = np.sqrt(theory * (1 - theory) / CELLS)
            # Where few cells are expected on one side, shares are not normal around the closed form.
            z = (hits / CELLS - theory) / error if min(theory, 1 - theory) * CELLS >= 10 else np.nan
            off.append(abs(z))
            checks.p(
                f"share above {threshold} at {drug:g}",
                min(1.0, 2 * min(binom.cdf(hits, CELLS, law), binom.sf(hits - 1, CELLS, law))),
            )
            print(f"{drug:6g} {threshold:5d} {hits / CELLS:9.4f} {theory:11.4f} {law:7.4f} {z:8.2f}")
    worst = float(np.nanmax(off))
    print(
        f"closed form: {np.isfinite(off).sum()} of {len(off)} shares expect ten cells or more on either side; "
        f"the worst is {worst:.2f} standard errors off (allowed {MOST:g})"
    )
    return worst <= MOST


def controls(ds) -> bool:
    """Show that the closed form fails while the signal is not at rest, half a lifetime after the drug came."""
    early = ds["s"].to_numpy()[:, 0, :, 1]
    off = [
        abs((early[e] > s).mean() - closed(d, s)[0]) / np.sqrt(closed(d, s)[0] * (1 - closed(d, s)[0]) / CELLS)
        for e, d in enumerate(DOSES[2:], start=2) for s in THRESHOLDS[:2]
    ]  # fmt: skip
    print(f"negative control, half a lifetime after the drug: at least {min(off):.0f} standard errors off")
    return min(off) > 10.0


def noises(ds, checks: Checks) -> None:
    """Compare Fano factors at rest with theory, and the fitted law with its parameters."""
    last = fano(ds, "s", at=[12 * LIFETIME])
    for drug, row in zip(DOSES, last.to_dict("records"), strict=True):
        right = 1.0 + VALUES["kp"] / (VALUES["gm"] + VALUES["g"])
        checks.z(f"Fano factor at {drug:g}", row["fano"], right, row["std_error"])
        values = ds["s"].sel(experiment=row["experiment"]).isel(time=-1)
        fit = fit_distribution(values, "negative binomial")
        checks.p(f"negative binomial at {drug:g}", fit.p_value)
        size, burst = fit.parameters["size"], fit.parameters["burst"]
        print(f"at {drug:g} nmol/L: Fano {row['fano']:.1f} (theory {right:.1f}), fitted size {size:.2f} "
              f"(theory {bursts(drug):.2f}), burst {burst:.1f} (theory {BURST:.1f})")  # fmt: skip


def first_passage(model: qsp.Model, ds, threshold: int) -> tuple[bool, object]:
    """Compare the share that has ever crossed a threshold with the share above it at one moment: it is larger."""
    fated = cells_at_rest(model, fates={"apoptosis": f"s > {threshold}"})
    table = killed(fated)
    above = (ds["s"].to_numpy()[:, 0, :, -1] > threshold).mean(axis=1)
    for drug, row, moment in zip(DOSES, table.to_dict("records"), above, strict=True):
        print(f"at {drug:g} nmol/L: {moment:.3f} above {threshold} at the end, {row['killed']:.3f} "
              f"({row['low']:.3f} to {row['high']:.3f}) killed as they first came there")  # fmt: skip
    return bool((table["killed"].to_numpy() >= above).all() and (table["killed"] - above).max() > 0.2), fated


def patients(folder: Path | None) -> bool:
    """Dose patients that differ in clearance, with cells that differ in threshold; more dose kills more."""
    model = load("fractional_killing_cells")
    times, fates = np.arange(0.0, 37.0, 1.0), {"apoptosis": "death.s >= threshold"}
    arms = [
        qsp.Experiment(model, id=f"{dose} nmol", times=times, observables=["death.s"], changes={"kdie": 0.0},
                       regimen=f"{dose} nmol into pk.drug at 12 h over 1 h", fates=fates)
        for dose in (500, 1500, 5000)
    ]  # fmt: skip
    log_normal = qsp.Variability("log-normal", cv=0.4)
    people = qsp.Population({"CL": 10.0, "threshold": 100.0}, variability={"CL": log_normal},
                            cell_variability={"threshold": qsp.Variability("log-normal", cv=0.2)})  # fmt: skip
    ds = qsp.simulate(arms, population=people, size=12, replicates=60, method="ssa", seed=3, progress=False)
    table = dose_kill_curve(ds)
    print(table[["dose", "dose_unit", "n", "n_failed", "killed", "low", "high"]].to_string(index=False))
    apart = killed(ds, by="subject").groupby("experiment")["killed"]
    print(f"between patients the share goes from {apart.min().min():.2f} to {apart.max().max():.2f}")
    if folder:
        qsp.plot.save(
            draw_survival(survival(ds), title="Cells of 12 patients after an infusion at 12 h"),
            folder / "survival",
            ("png",),
        )
        qsp.plot.save(
            draw_cells(ds, threshold=100.0, count=25, title="Signal of single cells"), folder / "cells", ("png",)
        )
        one = ds.sel(experiment=[arms[1].id])
        qsp.plot.save(
            draw_survival(survival(one, by="subject").query("subject <= 5"), title="Cells by patient"),
            folder / "survival_by_patient",
            ("png",),
        )
    return bool(table["killed"].is_monotonic_increasing and (table["n_failed"] == 0).all())


def two_reporters(checks: Checks) -> None:
    """Split the noise of two reporters in cells whose transcription varies; both parts by theory."""
    model = qsp.compose(
        "two", {"one": load("bursty_protein"), "other": load("bursty_protein")}, share={"km": ["one.km", "other.km"]}
    )
    values = {"one.kp": 200.0, "other.kp": 200.0}
    arm = qsp.Experiment(model, times=[0.0, 24.0], observables=["one.p", "other.p"], changes=values)
    cv = 0.5
    people = qsp.Population({"km": 2.0}, cell_variability={"km": qsp.Variability("log-normal", cv=cv)})
    ds = qsp.simulate(arm, population=people, size=1, replicates=CELLS, method="ssa", seed=5, progress=False)
    [row] = noise(ds, ("one.p", "other.p"), at=24.0).to_dict("records")
    average = np.sqrt(1 + cv**2)  # of a log-normal parameter whose median is one
    mean = 2.0 * average * 200.0 / (20.0 * 0.5)
    for name, right in (("intrinsic", (1 + 200.0 / 20.5) / mean), ("extrinsic", cv**2)):
        error = (row[f"{name}_high"] - row[f"{name}_low"]) / 2 / 1.96
        checks.z(f"{name} noise of two reporters", row[name], right, error)
        print(
            f"{name} noise {row[name]:.4f} ({row[f'{name}_low']:.4f} to {row[f'{name}_high']:.4f}), theory {right:.4f}"
        )


def figures(ds, fated, folder: Path) -> None:
    """Draw the shares over the closed form, and a distribution with its laws."""
    qsp.plot.save(_grid(ds), folder / "killed_by_dose", ("png",))
    crossed = dose_kill_curve(fated, dict(zip(fated["experiment"].to_numpy(), DOSES, strict=True)), unit="nmol/L")
    fig = dose_kill(
        {"Ever above 250 in 24 h": crossed},
        curves={"Above 250 at a moment": lambda d: closed(d, 250)},
        dose="Drug",
        share="Cells",
        title="Now above the threshold, or ever so far",
    )
    qsp.plot.save(fig, folder / "ever_or_now", ("png",))
    values = ds["s"].isel(experiment=3, time=-1)
    laws = [fit_distribution(values, "negative binomial")]
    gamma = {"Gamma, closed form": lambda x: np.gradient(-gammaincc(bursts(DOSES[3]), x / BURST), x)}
    title = "Signal at rest under 10 nmol/L of drug"
    qsp.plot.save(distribution(values, fits=laws, curves=gamma, title=title), folder / "distribution", ("png",))


def _grid(ds):
    import pandas as pd

    from sbmlqsp.ensembles.shares import share_of

    tables, curves = {}, {}
    for threshold in THRESHOLDS:
        rows = []
        for e, drug in enumerate(DOSES):
            x = ds["s"].to_numpy()[e, 0, :, -1]
            found = share_of(np.array([(x > threshold).sum()]), np.array([len(x)]))
            rows.append({"dose": drug, "dose_unit": "nmol/L", "n": len(x), "n_failed": 0, "killed": found.share,
                         "low": found.low, "high": found.high, "confidence": 0.95})  # fmt: skip
        name = f"Threshold {threshold}"
        tables[name], curves[name] = pd.DataFrame(rows), lambda d, s=threshold: closed(d, s)
    return dose_kill(tables, curves=curves, dose="Drug", share="Cells above", title="Cells above a threshold, at rest")


def main(folder: Path | None) -> int:
    """Run all; say how many checks failed."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    checks, model = Checks(), load("apoptosis_signal")
    ds = cells_at_rest(model)
    good = [snapshots(ds, checks), controls(ds)]
    noises(ds, checks)
    two_reporters(checks)
    larger, fated = first_passage(model, ds, 250)
    good += [larger, patients(folder), checks.told("killing")]
    if folder:
        figures(ds, fated, folder)
    print("passed" if all(good) else f"failed: {good}")
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
