"""The command line: every command does what its help says, quietly and with the right exit code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time

import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.catalogue import models_root
from sbmlqsp.cli import main
from sbmlqsp.cli.terminal import paragraph, table
from sbmlqsp.equivalence import differences
from tests.wrong_inputs import DECAY, PARTS, PD, STUDY

COMMANDS = ("run", "simulate", "data", "check", "show", "compose", "convert", "catalogue")


@pytest.fixture
def folder(tmp_path):
    for name, text in (("decay.ant", DECAY), ("pd.ant", PD), ("study.toml", STUDY)):
        (tmp_path / name).write_text(text)
    (tmp_path / "both.toml").write_text(PARTS + '[connect]\npd.C = "pk.A"\n')
    return tmp_path


def run(capsys, *words) -> str:
    """Run a command that must succeed, and return what it printed."""
    code = main([str(w) for w in words])
    out, err = capsys.readouterr()
    # Which models of the library are provisional changes with every review.
    told = [line for line in err.splitlines() if not re.match("note: the model '.*' is provisional", line)]
    assert (code, told) == (0, [])
    return out


def same(left: qsp.Model, right: qsp.Model) -> bool:
    return list(differences(left.network, right.network)) == []


# ------------------------------------------------------------------------------------------------------------ the face
def test_help_is_quick_and_names_every_command():
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "sbmlqsp", "--help"], capture_output=True, text=True, check=True)
    assert time.perf_counter() - start < 5  # 0.5 s on an idle machine; what it loads is the sharper test
    for command in COMMANDS:
        assert command in done.stdout
    code = (
        "import sys\nfrom sbmlqsp.cli import main\nmain(['--help'])\n"
        "print(*{'pandas', 'xarray', 'matplotlib', 'roadrunner', 'libsbml', 'antimony', 'pint'} & set(sys.modules), "
        "file=sys.stderr)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.strip() == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: sbmlqsp {command}")


def test_the_version_is_that_of_the_package(capsys):
    assert run(capsys, "--version") == f"sbmlqsp {qsp.__version__}\n"


def test_the_module_and_the_function_say_the_same(capsys):
    done = subprocess.run(
        [sys.executable, "-m", "sbmlqsp", "catalogue", "emax"], capture_output=True, text=True, check=True
    )
    assert done.stdout == run(capsys, "catalogue", "emax")


# ---------------------------------------------------------------------------------------------------------------- data
def test_data_shows_what_a_file_holds_and_what_reading_changed(capsys, folder):
    (folder / "d.csv").write_text(
        "subject,TIME,dose,conc,WT\n1,0,320,0.7,80\n1,2,.,8.4,80\n2,0,250,0,62\n2,2,.,<0.1,62\n"
    )
    words = ("--column", "ID=subject", "AMT=dose", "DV=conc", "--unit", "TIME=h", "--cens", "<")
    out = run(capsys, "data", folder / "d.csv", *words, "--derive", "MGKG=AMT/WT", "--output", folder / "out.csv")
    for line in ("subjects 2", "records 5", "doses 2 records, 2 given", "below the limit 1", "1 split"):
        assert line in " ".join(out.split())
    assert "MGKG" in out
    assert out.splitlines()[-1] == str(folder / "out.csv")
    again = qsp.read_nonmem(folder / "out.csv")
    assert again.doses["AMT"].tolist() == [320, 250]


def test_data_shows_no_more_changes_than_a_screen_holds(capsys, folder):
    rows = "".join(f"{i},0,100,12,.\n" for i in range(1, 30))
    (folder / "d.csv").write_text("ID,TIME,AMT,II,DV\n" + rows)
    out = run(capsys, "data", folder / "d.csv")
    assert "15 of 29 changes" in out
    assert out.count("repeats nothing") == 15


# ------------------------------------------------------------------------------------------------------------- commands
def test_run_ends_with_the_path_of_the_report(folder, capsys):
    out = run(capsys, "run", folder / "study.toml", "--output", folder / "out")
    assert out.splitlines()[-1] == str(folder / "out" / "report.html")
    assert (folder / "out" / "data.parquet").is_file()


def test_run_repeats_a_lock_and_says_so(folder, capsys):
    run(capsys, "run", folder / "study.toml", "--output", folder / "out")
    lines = run(capsys, "run", folder / "out" / "lock.json").splitlines()
    assert lines == ["identical to the locked run", str(folder / "out-repeat" / "report.html")]


def test_run_lists_what_differs_and_fails(folder, capsys):
    run(capsys, "run", folder / "study.toml", "--output", folder / "out")
    lock = json.loads((folder / "out" / "lock.json").read_text())
    lock["study"] = lock["study"].replace("100 mg", "101 mg")
    (folder / "out" / "lock.json").write_text(json.dumps(lock))
    assert main(["run", str(folder / "out" / "lock.json")]) == 1
    out = capsys.readouterr().out
    assert "differs from the locked run" in out
    assert "the values of A differ" in out


def test_simulate_prints_a_small_table(folder, capsys):
    out = run(
        capsys,
        "simulate",
        folder / "decay.ant",
        "--times",
        "0:24 h by 0.1",
        "--dose",
        "100 mg into A",
        "--observe",
        "A",
    )
    lines = out.splitlines()
    assert lines[0].split() == ["time", "[h]", "A", "[mg/L]"]
    assert lines[2].split() == ["0", "10"]
    assert float(lines[-2].split()[1]) == pytest.approx(10 * 2.718281828**-2.4, rel=1e-3)
    assert "15 of 241 times" in lines[-1]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "png", "svg", "pdf", "html"])
def test_simulate_writes_by_suffix(folder, capsys, suffix):
    target = folder / f"out.{suffix}"
    words = ("simulate", folder / "decay.ant", "-t", "0 12 24", "-d", "100 mg into A", "-o", target)
    assert run(capsys, *words).strip() == str(target)
    assert target.stat().st_size > 60


def test_simulate_takes_settings_formulas_and_units(folder, capsys):
    target = folder / "out.csv"
    words = ("--set", "k=0.2", "V=20 L", "--observe", "A in ug/L", "total = A*V", "--output", target)
    run(capsys, "simulate", folder / "decay.ant", "--times", "0,10", "--dose", "100 mg into A", *words)
    frame = pd.read_csv(target)
    assert frame["A"].tolist() == pytest.approx([5000.0, 5000 * 2.718281828**-2], rel=1e-6)
    assert frame["total"].tolist()[0] == pytest.approx(100.0)


def test_simulate_takes_subjects(folder, capsys):
    (folder / "people.csv").write_text("ID;k\n7;0,1\n9;0,2\n")
    words = ("simulate", folder / "decay.ant", "-t", "0 10", "-d", "100 mg into A", "--subjects", folder / "people.csv")
    assert "of 2 subjects" in run(capsys, *words)
    run(capsys, *words, "-o", folder / "out.csv")
    frame = pd.read_csv(folder / "out.csv")
    assert frame["ID"].tolist() == [7, 7, 9, 9]
    assert frame["A"].tolist()[1::2] == pytest.approx([10 * 2.718281828**-1, 10 * 2.718281828**-2], rel=1e-6)


def test_notes_are_paragraphs_on_standard_error(folder, capsys):
    (folder / "people.csv").write_text("ID,k,HEIGHT\n7,0.1,180\n")
    assert main(["simulate", str(folder / "decay.ant"), "-t", "0 10", "--subjects", str(folder / "people.csv")]) == 0
    err = capsys.readouterr().err
    assert err.startswith("note: the columns HEIGHT")
    assert err.count("\n") == 1


def test_check_ends_with_one_where_something_is_wrong(folder, capsys):
    assert run(capsys, "check", folder / "decay.ant").splitlines()[-1].startswith("decay: ")
    (folder / "bad.ant").write_text("model bad; S = 10; J: S => ; k*S/K; k = 0.1; K = 0; end")
    assert main(["check", str(folder / "bad.ant")]) == 1
    assert "1 error" in capsys.readouterr().out
    assert main(["check", "two_compartment"]) == 0


def test_show_takes_a_file_or_an_id(folder, capsys):
    assert "V*d(A)/dt = -k*A*V" in run(capsys, "show", folder / "decay.ant")
    out = run(capsys, "show", "two_compartment")
    for words in ("Two-compartment disposition (", "elimination", "Ports", "clearance", "3.61", "Davda 2014, Table 3",
                  "doi:10.4161/mabs.29095", "Not for", "C = central / V1"):  # fmt: skip
        assert words in out


def test_compose_shows_and_writes(folder, capsys):
    assert "composed model 'both'" in run(capsys, "compose", folder / "both.toml")
    flat, comp = folder / "flat.xml", folder / "comp.xml"
    run(capsys, "compose", folder / "both.toml", "--output", flat)
    run(capsys, "compose", folder / "both.toml", "--output", comp, "--comp")
    assert str(qsp.read_sbml(flat).network.assignment_rules["pd__E"]) == "pk__A/(pd__EC50 + pk__A)"
    assert "comp:listOfSubmodels" in comp.read_text()
    assert same(qsp.read_sbml(comp), qsp.read_sbml(flat))


def test_compose_takes_antimony_and_library_parts_with_terms(folder, capsys):
    assert "theophylline" in run(capsys, "compose", models_root() / "systems" / "theophylline" / "theophylline.ant")
    (folder / "terms.toml").write_text(
        'id = "terms"\n[parts]\npk = "one_compartment"\npd = "emax"\n[connect]\n"pd.Cp" = {source = "pk.C"}\n'
        "[set]\npd.EC50 = 7.0\n"
    )
    run(capsys, "compose", folder / "terms.toml", "-o", folder / "terms.xml")
    assert qsp.read_sbml(folder / "terms.xml").symbol("pd.EC50").value == 7.0


def test_convert_goes_both_ways_without_loss(folder, capsys):
    there, back = folder / "there.xml", folder / "back.ant"
    run(capsys, "convert", folder / "decay.ant", there)
    run(capsys, "convert", there, back)
    first = qsp.read_antimony(folder / "decay.ant")
    assert same(first, qsp.read_sbml(there))
    assert same(first, qsp.read_antimony(back))
    assert [p.direction for p in qsp.read_antimony(back).ports] == ["output", "output"]


def test_catalogue_lists_and_searches(capsys):
    out = run(capsys, "catalogue")
    for name in qsp.catalogue().index:
        assert name in out
    found = run(capsys, "catalogue", "PK", "compartment").splitlines()[2:]
    assert {"one_compartment", "two_compartment"} <= {line.split()[0] for line in found}
    assert main(["catalogue", "nothingofthekind"]) == 1
    assert "No model of the library fits (got" in capsys.readouterr().err
    found = run(capsys, "catalogue", "--port", "Cp", "--unit", "ug/mL", "--family", "pd")
    assert "emax" in found
    assert "in: Cp" in found
    assert "indirect_response" not in found


def test_a_file_is_preferred_to_a_model_of_the_library_of_that_name(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    shutil.copy("decay.ant", "emax")
    assert "decay" in run(capsys, "check", "emax")


def test_output_is_quiet_where_there_is_no_terminal(folder):
    words = [sys.executable, "-m", "sbmlqsp", "run", str(folder / "study.toml"), "-o", str(folder / "out")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout == f"{folder / 'out' / 'report.html'}\n"


# ------------------------------------------------------------------------------------------------------------- terminal
def test_paragraphs_are_wrapped_on_terminals_only():
    assert max(map(len, paragraph("word " * 100, width=40).split("\n"))) <= 40
    assert "\n" not in paragraph("word\n" * 100, width=0)


def test_tables_fit_their_width():
    text = table(["id", "text"], [["a", "word " * 40], ["b", "short"]], width=50)
    assert max(map(len, text.split("\n"))) <= 50
    assert text.split("\n")[-1] == "b   short"
