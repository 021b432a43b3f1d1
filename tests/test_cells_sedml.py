"""Single cells in SED-ML: written as the direct method, read and run cell by cell."""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp

DECAY = "model m; substanceOnly species S; S = 40; J: S -> ; k*S; k = 0.1; end"


def test_cells_are_one_repeated_task_of_the_direct_method(tmp_path):
    cells = qsp.Experiment(qsp.read_antimony(DECAY), times="0:10 by 2", observables=["S"])
    path = qsp.write_sedml(cells, tmp_path / "cells.sedml", method="ssa", replicates=300, seed=7)
    text = path.read_text()
    assert 'kisaoID="KISAO:0000029"' in text
    assert text.count('kisaoID="KISAO:0000488" value="7"') == 1
    found = qsp.run_sedml(path)["report"]
    assert dict(found.sizes) == {"task": 300, "time": 6}
    values = found["S"].to_numpy()
    assert (values == values.round()).all()
    assert np.unique(values[:, -1]).size > 5  # cells differ
    assert np.abs(values.mean(axis=0) - 40 * np.exp(-0.1 * found["time"])).max() < 5 * np.sqrt(40 / 300 / 4)
    again = qsp.run_sedml(path)["report"]
    assert (again["S"] == found["S"]).all()


def test_cells_that_repeat_one_another_are_one_experiment(tmp_path):
    cells = qsp.Experiment(qsp.read_antimony(DECAY), times="0:10 by 2", observables=["S"], id="cells")
    path = qsp.write_sedml(cells, tmp_path / "cells.sedml", method="ssa", replicates=5)
    text = path.read_text().replace("KISAO:0000029", "KISAO:0000241")  # as phraSED-ML writes it
    path.write_text(text)
    document = qsp.read_sedml(path)
    assert [e.id for e in document.experiments] == ["cells"]
    assert qsp.run_sedml(document)["report"].sizes["task"] == 5
