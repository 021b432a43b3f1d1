"""The report: one page, nothing outside it, everything that was run in it."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest

import sbmlqsp as qsp
from sbmlqsp.errors import DataError
from sbmlqsp.report import Picture, _sources, _whole, report
from sbmlqsp.reporting.model import number

VOID = {"meta", "link", "img", "br", "hr", "input", "mspace"}


class Page(HTMLParser):
    """Keeps text and addresses, and checks that every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.headings: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.addresses += [v for k, v in attrs if k in {"src", "href", "data", "action"} and v]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.addresses += [v for k, v in attrs if k in {"src", "href"} and v]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        if not {"style", "script"} & set(self.open):
            self.text += " ".join(data.split()) + " "


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    model = qsp.load("two_compartment")
    arms = [
        qsp.Experiment(model, times="0:28 day by 1", regimen="100 nmol into central every 7 day x 3", id="low",
                       observables=[qsp.Observable("Cp", "central", meaning="Drug <in> plasma & serum")]),
        qsp.Experiment(model, times="0:28 day by 1", regimen="300 nmol into central every 7 day x 30", id="high",
                       observables=[qsp.Observable("Cp", "central")], changes={"CL": "0.4 L/day"}),
    ]  # fmt: skip
    ds = qsp.simulate(arms, subjects={"ID": [1, 2, 3], "V1": [3.0, 3.5, 4.0]})
    from sbmlqsp.exposure import exposure

    path = tmp_path_factory.mktemp("report") / "page.html"
    card = {"title": "Two", "assumptions": ["<b>bold</b> & linear"], "parameters": {"Q": {"source": "a paper"}},
            "references": [{"citation": "Nobody 1900", "doi": "10.1/x"}]}  # fmt: skip
    report(ds, arms, path=path, title="A <title> & more", description="One.\n\nTwo.", titles={"low": "The low dose"},
           exposure=exposure(ds, "Cp"), card=card, notes=["a note"])  # fmt: skip
    return path.read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_has_its_sections(made):
    page = Page(made)
    assert page.headings == [
        "What was run", "Model", "Equations", "Parameters and initial values", "Dose calendar", "Figures", "Exposure",
        "Checks", "References", "Provenance",
    ]  # fmt: skip


def test_nothing_is_loaded_from_anywhere(made):
    page = Page(made)
    outside = [a for a in page.addresses if not a.startswith(("#", "data:image/"))]
    assert outside == []
    assert "<script" not in made
    assert "@import" not in made
    assert "url(http" not in made


def test_links_inside_the_page_have_their_ends(made):
    for address in Page(made).addresses:
        if address.startswith("#"):
            assert f'id="{address[1:]}"' in made


def test_text_of_users_is_escaped(made):
    page = Page(made)
    for text in ("A <title> & more", "<b>bold</b> & linear", "Drug <in> plasma & serum"):
        assert text in page.text
    assert "<b>bold</b>" not in made


def test_what_was_run_is_told(made):
    text = Page(made).text
    for words in (
        "The low dose", "3 doses of 100 nmol", "CL = 0.4 L/day", "29 times, 0 to 28 day", "a note", "a paper",
        "V1 3.5 (3 to 4)", "… and 6 more", "No run failed", "doi:10.1/x", "nobody has yet re-implemented",
    ):  # fmt: skip
        assert words in text, words


def test_parameters_show_changes_by_arm_and_by_subject(made):
    row = re.search(r'<tr><td class="id">CL</td>.*?</tr>', made, re.DOTALL)[0]
    assert "changed in high" in row
    assert "0.4 L/day" in row
    assert "each subject&#39;s own" in re.search(r'<tr><td class="id">V1</td>.*?</tr>', made, re.DOTALL)[0]


def test_exposure_has_a_summary_per_arm_and_every_subject(made):
    part = made.split('id="exposure"')[1].split("</section>")[0]
    assert part.count('class="sum"') == 2
    assert part.count("<tr>") == 1 + 6


def test_figures_are_pictures_inside_the_page(made):
    found = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", made)
    assert len(found) == 1
    assert base64.b64decode(found[0]).lstrip().startswith(b"<?xml")


def test_the_same_run_gives_the_same_page(tmp_path):
    experiment = qsp.Experiment(qsp.load("emax"), times=[0, 1], observables=["E"])
    pages = [report(qsp.simulate(experiment), experiment, path=tmp_path / f"{i}.html").read_bytes() for i in "ab"]
    assert pages[0] == pages[1]


def test_failures_are_shown_first_and_last(tmp_path):
    model = qsp.read_antimony("model m; species S; S = 1; J: => S; k*S*S; k = 0.1; end")
    experiment = qsp.Experiment(model, times=[0, 20])
    ds = qsp.simulate(experiment, subjects={"ID": ["calm", "wild"], "k": [0.0, 9.0]}, on_failure="record")
    text = Page(report(ds, experiment, path=tmp_path / "p.html").read_text()).text
    assert "1 of the runs failed" in text
    assert "wild" in text
    assert "No run failed" not in text


def test_findings_of_the_checks_are_listed(tmp_path):
    model = qsp.read_antimony("model m; S = 1; J: S => ; k*S; k = 1; lost = 3; end")
    experiment = qsp.Experiment(model, times=[0, 1])
    assert "lost" in Page(report(qsp.simulate(experiment), experiment, path=tmp_path / "p.html").read_text()).text


def test_own_pictures_replace_the_default(tmp_path):
    from matplotlib.figure import Figure

    experiment = qsp.Experiment(qsp.load("emax"), times=[0, 1], observables=["E"])
    page = report(
        qsp.simulate(experiment), experiment, path=tmp_path / "p.html", pictures=[Picture(Figure(), "Mine", "Said")]
    )
    text = Page(page.read_text()).text
    assert "Mine" in text
    assert "Said" in text


def test_wrong_arms_and_places_are_refused(tmp_path):
    experiment = qsp.Experiment(qsp.load("emax"), times=[0, 1], observables=["E"])
    ds = qsp.simulate(experiment)
    other = qsp.Experiment(qsp.load("emax"), times=[0, 1], observables=["E"], id="other")
    with pytest.raises(DataError, match="arms"):
        report(ds, other, path=tmp_path / "p.html")
    with pytest.raises(DataError, match="cannot be written"):
        report(ds, experiment, path=tmp_path / "no" / "p.html")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234.5, "1234"), (98765.4, "98765"), (1e-7, "1e-07"), (float("inf"), "∞"), (float("nan"), "–")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_findings_have_a_section_each_with_picture_and_table(tmp_path):
    from matplotlib.figure import Figure

    from sbmlqsp.report import Finding

    model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    arm = qsp.Experiment(model, times=[0, 1])
    found = Finding(Picture(Figure(figsize=(1, 1)), caption="What <it> shows"), 1, ("Arm", "Share"), (("<a>", "12 %"),))
    path = tmp_path / "page.html"
    report(qsp.simulate(arm), arm, path=path, findings={"Target attainment": [found], "Covariate effects": [found]})
    page = Page(path.read_text(encoding="utf-8"))
    assert page.headings[page.headings.index("Target attainment") + 1] == "Covariate effects"
    assert {"#found-target-attainment", "#found-covariate-effects"} <= set(page.addresses)
    assert "<a> 12 %" in page.text
    assert "What <it> shows" in page.text


def test_exposure_of_many_subjects_is_a_column_of_percentiles_per_arm(tmp_path):
    from sbmlqsp.exposure import exposure

    model = qsp.read_antimony("model m; compartment V = 1; species S in V; S = 0; J: S -> ; k*S; k = 0.1; end")
    arms = [qsp.Experiment(model, times=[0, 1, 2, 4, 8], regimen="10 into S", observables=["S"], id=i) for i in "ab"]
    ds = qsp.simulate(arms, subjects={"ID": list(range(30)), "k": [0.1 + 0.01 * i for i in range(30)]})
    table = exposure(ds, "S")
    table.loc[3, "half_life"] = float("nan")
    path = tmp_path / "page.html"
    report(ds, arms, path=path, exposure=table, titles={"a": "The first arm"})
    text = Page(path.read_text(encoding="utf-8")).text
    first = table[table["experiment"] == "a"]
    low, middle, high = (number(float(first["auc_last"].quantile(q)), 3) for q in (0.05, 0.5, 0.95))
    assert f"{middle} ({low}–{high})" in text
    assert "; of 29" in text  # a missing value is told
    assert "The first arm 30 runs: median (5th–95th percentile)" in text


def test_parts_of_a_card_that_are_of_another_kind_are_left_out():
    found = _whole({"title": 5, "purpose": ["x"], "assumptions": 5, "references": {"a": 1}, "not_for": "this"})
    assert found == {"purpose": "", "not_for": "this", "assumptions": [], "references": [], "status": "provisional"}
    assert _whole({"references": [5, {"doi": "x"}]})["references"] == [{"citation": "", "doi": "x", "cited_for": ""}]
    assert _sources({"parameters": 5}) == {}
