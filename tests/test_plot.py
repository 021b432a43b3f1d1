"""Figures: what they show, what they say, and that nothing in them overlaps."""

from __future__ import annotations

import itertools
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import FillBetweenPolyCollection

from sbmlqsp.errors import DataError, UnitError
from sbmlqsp.exposure import exposure
from sbmlqsp.plot import exposure_figure, save, time_course
from sbmlqsp.results import make_dataset

TIME = np.linspace(0, 48, 49)


def dataset(arms=("low", "high"), n=40, *, names=("C",), schedules=None, duration=0.0, units="mg/L", **options):
    rng = np.random.default_rng(5)
    rate = 0.1 * np.exp(0.3 * rng.normal(size=(len(arms), n, 1, 1)))
    curve = np.arange(1, len(arms) + 1)[:, None, None, None] * 5 * np.exp(-rate * TIME)
    schedules = schedules or [(0.0, 24.0)] * len(arms)
    doses = [
        {"experiment": a, "time": t, "amount": 1.0, "unit": "mg", "target": "S", "duration": duration}
        for a, times in zip(arms, schedules, strict=True)
        for t in times
    ]
    return make_dataset(
        {name: curve * (i + 1) for i, name in enumerate(names)},
        experiments=list(arms),
        subjects=list(range(1, n + 1)),
        replicates=[0],
        time=TIME,
        time_unit="h",
        units=dict.fromkeys(names, units),
        doses=doses,
        **options,
    )


def caption(fig):
    return fig.texts[-1].get_text().replace("\n", " ") if fig.texts else ""


def legend(fig):
    return [t.get_text() for t in fig.legends[0].get_texts()] if fig.legends else []


def bands(ax):
    return [c for c in ax.collections if isinstance(c, FillBetweenPolyCollection)]


def curves(ax):
    """Return the lines that lie on the axis of values: not dose marks, not points."""
    return [line for line in ax.lines if line.get_transform() == ax.transData and line.get_linestyle() != "None"]


def marks(ax):
    return [line for line in ax.lines if line.get_transform() != ax.transData and line.get_marker() == "|"]


def points(ax):
    return [line for line in ax.lines if line.get_marker() == "o"]


def texts(fig):
    """Return every text that is drawn, with its place on the page."""
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    renderer = canvas.get_renderer()
    found = [*fig.texts, *([fig._supylabel] if fig._supylabel else [])]
    for box in fig.legends:
        found += box.get_texts()
    for ax in fig.axes:
        found += [ax.xaxis.label, ax.yaxis.label, ax.title, ax._left_title]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [t for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            found += [t.label1 for t in ticks if t.label1.get_visible()]
    # Slanted labels stand beside each other though the boxes around them meet.
    shown = {id(t): t for t in found if t.get_text().strip() and t.get_visible() and t.get_rotation() in {0, 90}}
    return [(t.get_text(), t.get_window_extent(renderer)) for t in shown.values()], fig.bbox


def assert_readable(fig):
    found, page = texts(fig)
    assert len(found) > 5
    for said, box in found:
        assert box.x0 >= page.x0 - 1, said
        assert box.y0 >= page.y0 - 1, said
        assert box.x1 <= page.x1 + 1, said
        assert box.y1 <= page.y1 + 1, said
    for (one, a), (other, b) in itertools.combinations(found, 2):
        overlap = min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5
        assert not overlap, f"{one!r} lies over {other!r}"


# ------------------------------------------------------------------------------------------------------ time courses


def test_a_population_is_a_median_and_a_band_per_arm():
    ds = dataset()
    fig = time_course(ds, bands=(10, 90))
    (ax,) = fig.axes
    assert len(bands(ax)) == 2
    low = curves(ax)[0]
    np.testing.assert_allclose(low.get_ydata(), np.median(ds["C"].to_numpy()[0, :, 0], axis=0), rtol=1e-12)
    edges = bands(ax)[0].get_paths()[0].vertices[:, 1]
    assert edges.min() == pytest.approx(np.percentile(ds["C"].to_numpy()[0, :, 0, -1], 10))
    assert legend(fig) == ["low", "high"]
    assert "bands: 10th–90th percentile, of 40 subjects per arm." in caption(fig)
    assert ax.get_xlabel() == "Time (h)"
    assert ax.get_ylabel() == "C (mg/L)"


def test_failed_runs_are_not_drawn_but_told():
    ds = dataset()
    ds["status"][1, :3] = 2
    ds["C"][1, :3] = 1e6
    fig = time_course(ds)
    assert "of 40 (low) and 37 (high) subjects" in caption(fig)
    assert "3 runs failed and are left out (high: 3)." in caption(fig)
    assert fig.axes[0].get_ylim()[1] < 100


def test_an_arm_that_failed_whole_leaves_the_others():
    ds = dataset()
    ds["status"][1] = 2
    fig = time_course(ds)
    assert len(curves(fig.axes[0])) == 1
    assert "40 runs failed" in caption(fig)
    ds["status"][:] = 2
    assert any(t.get_text() == "nothing to show" for t in time_course(ds).axes[0].texts)


def test_few_runs_are_drawn_one_by_one_unless_asked():
    ds = dataset(("only",), 4)
    assert len(curves(time_course(ds).axes[0])) == 4
    assert not bands(time_course(ds).axes[0])
    assert len(bands(time_course(ds, individuals=False).axes[0])) == 1
    many = time_course(dataset(("only",), 40), individuals=True)
    assert len(curves(many.axes[0])) == 40
    assert "One line per subject: 40 subjects." in caption(many)


def test_one_run_needs_no_legend():
    fig = time_course(dataset(("only",), 1))
    assert not fig.legends
    assert len(curves(fig.axes[0])) == 1
    assert legend(time_course(dataset(("only",)))) == ["Median", "5th–95th percentile"]


def test_each_observable_has_its_panel_and_its_meaning():
    fig = time_course(dataset(names=("C", "pH"), meanings={"C": "drug in plasma", "pH": "pH of the cyst"}))
    assert [ax.get_ylabel() for ax in fig.axes] == ["Drug in plasma (mg/L)", "pH of the cyst (mg/L)"]
    assert [ax.get_ylabel() for ax in time_course(dataset(names=("A", "B")), "B").axes] == ["B (mg/L)"]


def test_units_are_written_as_in_print():
    assert time_course(dataset(units="ug*h/L")).axes[0].get_ylabel() == "C (µg·h/L)"
    assert time_course(dataset(units="cells/mm^3")).axes[0].get_ylabel() == "C (cells/mm³)"
    assert time_course(dataset(units="dimensionless")).axes[0].get_ylabel() == "C"
    assert time_course(dataset(units="$")).axes[0].get_ylabel() == r"C (\$)"  # or it would be read as mathematics


def test_time_can_be_shown_in_another_unit():
    fig = time_course(dataset(), time_unit="day")
    (ax,) = fig.axes
    assert ax.get_xlabel() == "Time (day)"
    assert curves(ax)[0].get_xdata()[-1] == pytest.approx(2.0)
    assert marks(ax)[0].get_xdata() == pytest.approx([0.0, 1.0])
    with pytest.raises(UnitError):
        time_course(dataset(), time_unit="mg")


def test_ticks_fall_on_hours_and_days():
    fig = time_course(dataset())
    FigureCanvasAgg(fig).draw()
    assert set(np.diff(fig.axes[0].get_xticks())) == {6.0}


def test_panels_by_experiment_share_their_axes():
    fig = time_course(dataset(), panels="experiment")
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["low", "high"]
    assert fig.axes[0].get_ylim() == fig.axes[1].get_ylim()
    assert fig.axes[0].get_shared_y_axes().joined(*fig.axes)


def test_panels_by_subject_hold_their_own_runs_and_data():
    ds = dataset(("oral",), 12)
    data = pd.DataFrame({"ID": np.repeat(range(1, 13), 2), "TIME": [1.0, 30.0] * 12, "DV": np.arange(24.0) / 4})
    fig = time_course(ds, observed=data, panels="subject", title="Twelve subjects")
    assert len(fig.axes) == 12
    assert fig.axes[0].get_subplotspec().get_gridspec().get_geometry() == (3, 4)
    fifth = fig.axes[4]
    assert fifth.get_title(loc="left") == "Subject 5"
    np.testing.assert_allclose(curves(fifth)[0].get_ydata(), ds["C"].to_numpy()[0, 4, 0])
    assert points(fifth)[0].get_ydata().tolist() == [2.0, 2.25]
    assert legend(fig) == ["Model", "Observed"]
    assert_readable(fig)


def test_panels_without_a_subject_below_keep_their_tick_labels():
    fig = time_course(dataset(("oral",), 5), panels="subject")
    FigureCanvasAgg(fig).draw()
    labelled = [any(t.label1.get_visible() for t in ax.xaxis.get_major_ticks()) for ax in fig.axes]
    assert labelled == [False, False, True, True, True]


def test_data_follow_their_arm():
    data = pd.DataFrame({"time": [1, 2, 3], "C": [1.0, 2.0, np.nan], "experiment": ["low", "high", "high"]})
    fig = time_course(dataset(), observed=data, time_unit="min")
    (ax,) = fig.axes
    assert [p.get_ydata().tolist() for p in points(ax)] == [[1.0], [2.0]]
    assert points(ax)[1].get_xdata().tolist() == [120.0]
    assert points(ax)[0].get_markeredgecolor() == curves(ax)[0].get_color()


def test_data_without_an_arm_are_drawn_once_and_doses_are_no_observations():
    data = pd.DataFrame({"TIME": [0, 1, 2, 3], "DV": [9.0, 1.0, 2.0, 3.0], "EVID": [1, 0, 0, 0], "MDV": [1, 0, 0, 1]})
    fig = time_course(dataset(), observed=data)
    assert [p.get_ydata().tolist() for p in points(fig.axes[0])] == [[1.0, 2.0]]


def test_ids_read_as_floats_are_still_ids():
    data = pd.DataFrame({"ID": [1.0, 2.0], "TIME": [1.0, 1.0], "DV": [3.0, 4.0]})
    fig = time_course(dataset(("only",), 2), observed=data, panels="subject")
    assert [points(ax)[0].get_ydata().tolist() for ax in fig.axes] == [[3.0], [4.0]]


def test_doses_are_marked_once_where_arms_agree_and_by_arm_where_not():
    same = time_course(dataset())
    assert [m.get_xdata().tolist() for m in marks(same.axes[0])] == [[0.0, 24.0]]
    own = time_course(dataset(schedules=[(0.0,), (0.0, 12.0)]))
    assert {m.get_color(): list(m.get_xdata()) for m in marks(own.axes[0])} == {
        "#0072B2": [0.0],
        "#D55E00": [0.0, 12.0],
    }
    assert "Marks along the bottom: doses." in caption(own)
    assert own.axes[0].get_ylim()[0] < 0  # room for them below the curves
    none = time_course(dataset(), dose_ticks=False)
    assert not marks(none.axes[0])
    assert "doses" not in caption(none)
    assert none.axes[0].get_ylim()[0] == 0


def test_infusions_are_bars():
    fig = time_course(dataset(duration=3.0))
    bars = [line.get_xdata().tolist() for line in fig.axes[0].lines if line.get_solid_capstyle() == "butt"]
    assert [0.0, 3.0] in [[float(x) for x in b] for b in bars]
    assert "bars: infusions" in caption(fig)


def test_a_log_axis_says_what_it_leaves_out():
    ds = dataset(("only",), 1)
    ds["C"][0, 0, 0, :2] = [0.0, -1.0]
    fig = time_course(ds, log=True)
    (ax,) = fig.axes
    assert ax.get_yscale() == "log"
    assert np.isnan(curves(ax)[0].get_ydata()[:2]).all()
    assert "zero or below" in caption(fig)
    assert "zero or below" not in caption(time_course(ds.isel(time=slice(2, None)), log=True))


def test_a_log_axis_does_not_follow_a_curve_into_noise():
    ds = dataset(("only",), 1)
    ds["C"][0, 0, 0, 40:] = 1e-30
    fig = time_course(ds, log=True)
    assert fig.axes[0].get_ylim()[0] > 1e-8
    assert "ends six decades below" in caption(fig)


@pytest.mark.parametrize(
    ("factor", "expected"), [(1.0, {"0.1", "1"}), (1e-9, {r"$10^{-10}$", r"$10^{-9}$"}), (0.01, {"0.001", "0.01"})]
)
def test_log_ticks_are_plain_where_they_are_short(factor, expected):
    ds = dataset(("only",), 1)
    ds["C"][:] = ds["C"] * factor
    fig = time_course(ds, log=True)
    FigureCanvasAgg(fig).draw()
    assert expected <= {t.get_text() for t in fig.axes[0].get_yticklabels()}


def test_times_an_arm_did_not_ask_for_do_not_break_its_line():
    ds = dataset(n=1)
    ds["C"][0, :, :, 1::2] = np.nan
    first, second = curves(time_course(ds).axes[0])
    assert len(first.get_xdata()) == 25
    assert np.isfinite(first.get_ydata()).all()
    assert len(second.get_xdata()) == 49


def test_negative_values_are_in_view():
    ds = dataset()
    ds["C"][:] = ds["C"] - 4
    low, high = time_course(ds).axes[0].get_ylim()
    assert low < -4 < 6 < high


def test_a_selection_can_be_drawn():
    fig = time_course(dataset().sel(experiment="high", subject=3))
    assert len(curves(fig.axes[0])) == 1


def test_more_arms_than_colours_are_told_apart():
    fig = time_course(dataset([f"arm {i}" for i in range(10)], 1))
    looks = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in curves(fig.axes[0])}
    assert len(looks) == 10
    assert len(legend(fig)) == 10
    assert_readable(fig)


@pytest.mark.parametrize(
    ("ds", "options"),
    [
        (dataset(), {"title": "Two arms in forty subjects"}),
        (dataset(names=("C", "D")), {"title": "A long title " * 8, "log": True}),
        (dataset(names=("A", "B", "C", "D", "E", "F", "G")), {}),
        (dataset([f"an arm with a rather long name {i}" for i in range(6)]), {"panels": "experiment"}),
        (dataset(n=5), {"panels": "subject", "time_unit": "min"}),
        (dataset(names=("C",), meanings={"C": "concentration of the antibody in interstitial fluid of skin"}), {}),
    ],
    ids=["one", "two", "seven", "experiments", "subjects", "long"],
)
def test_no_text_lies_over_another(ds, options):
    assert_readable(time_course(ds, **options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"observables": "D"}, "no observable 'D'"),
        ({"bands": (95, 5)}, r"as in \(5, 95\)"),
        ({"panels": "arm"}, "'observable' or 'experiment' or 'subject'"),
        ({"panels": "subject"}, "40 subjects are too many.*24 at most"),
        ({"individuals": "some"}, "True, False or 'auto'"),
        ({"observed": pd.DataFrame({"TIME": [1], "X": [1]})}, r"lack a column.*\(C\)"),
        ({"observed": pd.DataFrame({"TIME": [1], "C": [1], "EXPERIMENT": ["lo"]})}, "did you mean 'low'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(DataError, match=message):
        time_course(dataset(), **options)


def test_observables_of_different_units_do_not_share_a_panel():
    ds = dataset(names=("A", "B"))
    assert legend(time_course(ds, panels="experiment")) == ["A", "B"]
    ds["B"].attrs["units"] = "nmol/L"
    with pytest.raises(DataError, match="different units cannot share a panel"):
        time_course(ds, panels="experiment")


# ---------------------------------------------------------------------------------------------------------- exposure


def test_exposure_has_a_panel_per_measure_and_a_place_per_arm():
    table = exposure(dataset())
    fig = exposure_figure(table, ["auc_inf", "half_life"], title="Exposure")
    assert [ax.get_ylabel() for ax in fig.axes] == ["AUC to infinity (mg·h/L)", "Half-life (h)"]
    assert [t.get_text() for t in fig.axes[0].get_xticklabels()] == ["low", "high"]
    shown = fig.axes[1].collections[1].get_offsets()
    np.testing.assert_allclose(np.sort(shown[:, 1]), np.sort(table.query("experiment == 'high'")["half_life"]))
    assert (np.abs(shown[:, 0] - 1) < 0.3).all()
    median = next(line for line in fig.axes[1].lines if line.get_linewidth() == 2.0)
    assert median.get_ydata()[0] == pytest.approx(table.query("experiment == 'low'")["half_life"].median())
    assert_readable(fig)


def test_exposure_that_is_not_known_is_counted():
    table = exposure(dataset(names=("C", "D")))
    table.loc[table["experiment"] == "high", "half_life"] = np.nan
    said = caption(exposure_figure(table, ["half_life", "cmax"], observables="C"))
    assert "Half-life not shown for 40 of 40 in high." in said
    assert "Highest value" not in said
    both = exposure_figure(table, "cmax", log=True)
    assert [ax.get_ylabel() for ax in both.axes] == ["Highest value of C (mg/L)", "Highest value of D (mg/L)"]
    table["half_life"] = np.nan
    empty = exposure_figure(table, "half_life", observables="C")
    assert [t.get_text() for t in empty.axes[0].texts] == ["nothing to show"]


def test_exposure_of_long_named_arms_is_readable():
    assert_readable(exposure_figure(exposure(dataset([f"{i}00 mg every 12 hours" for i in range(1, 6)])), log=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"measures": "auc"}, "no 'auc'.*'auc_"), ({"observables": ["D"]}, "no 'D'.*known: C")],
)
def test_exposure_that_is_not_in_the_table_is_refused(options, message):
    with pytest.raises(DataError, match=message):
        exposure_figure(exposure(dataset(n=2)), **options)


# ------------------------------------------------------------------------------------------------------------- files


def test_the_same_figure_has_the_same_bytes(tmp_path):
    formats = ("png", "svg", "pdf")
    one = save(time_course(dataset(n=8)), tmp_path / "one", formats)
    two = save(time_course(dataset(n=8)), tmp_path / "two.v2", formats)
    assert [p.name for p in two] == ["two.v2.png", "two.v2.svg", "two.v2.pdf"]
    for a, b in zip(one, two, strict=True):
        assert a.read_bytes() == b.read_bytes()
    assert b"<dc:date>" not in one[1].read_bytes()
    assert len(list(tmp_path.iterdir())) == 6


def test_saving_refuses_what_it_cannot_write(tmp_path):
    fig = time_course(dataset(n=1))
    with pytest.raises(DataError, match=r"format.*png, svg, pdf"):
        save(fig, tmp_path / "a", ["png", "gif"])
    with pytest.raises(DataError, match="no such folder"):
        save(fig, tmp_path / "absent" / "a")
    assert not list(tmp_path.iterdir())


def test_figures_touch_no_global_state(tmp_path):
    before = dict(mpl.rcParams)
    save(time_course(dataset(n=8), log=True), tmp_path / "a")
    exposure_figure(exposure(dataset(n=8)))
    assert dict(mpl.rcParams) == before


def test_pyplot_is_never_loaded_and_matplotlib_only_when_drawing():
    code = (
        "import sys, sbmlqsp.plot, sbmlqsp.exposure, sbmlqsp.results\n"
        "assert not {'matplotlib', 'pandas', 'xarray', 'pyarrow', 'scipy', 'pint'} & set(sys.modules)\n"
        "import numpy as np\n"
        "from sbmlqsp.results import make_dataset\n"
        "v = {'C': np.ones((1, 1, 1, 3))}\n"
        "ds = make_dataset(v, experiments=['A'], subjects=[1], replicates=[0], time=[0, 1, 2], time_unit='h')\n"
        "sbmlqsp.plot.time_course(ds)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_two_parts_with_one_quantity_are_told_apart_by_their_names():
    import sbmlqsp as qsp

    drug = qsp.read_antimony('model drug(C); C = 1; C is "drug concentration"; end')
    model = qsp.compose("two", {"first": drug, "second": drug})
    run = qsp.Experiment(model, times=[0, 1, 2], observables=["first.C", "second.C"])
    labels = [ax.get_ylabel() for ax in time_course(qsp.simulate(run)).axes]
    assert labels == ["first: drug concentration", "second: drug concentration"]
    one = qsp.Experiment(model, times=[0, 1, 2], observables=["first.C"])
    assert time_course(qsp.simulate(one)).axes[0].get_ylabel() == "Drug concentration"
