"""Every regimen of the table against the naive oracle of NONMEM's rules."""

import pytest

from validation.nonmem.agreement import COMPARTMENTS, TOLERANCE, errors
from validation.nonmem.regimens import REGIMENS

GROUPS = {
    f"{name} {part + 1}": [c for c in REGIMENS if c.model == name][part::3]
    for name in COMPARTMENTS
    for part in range(3)
}


def test_the_table_covers_sixty_regimens_and_more():
    assert sum(map(len, GROUPS.values())) == len(REGIMENS) >= 60


@pytest.mark.parametrize("cases", GROUPS.values(), ids=GROUPS)
def test_predictions_are_those_of_the_rules(cases):
    wrong = {name: error for name, error in errors(cases).items() if not error <= TOLERANCE}
    assert not wrong


def test_a_fault_of_one_percent_in_one_parameter_shows(monkeypatch):
    from validation.nonmem import agreement

    cases = GROUPS["iv2 1"][:3]
    exact = agreement.data_set(cases)
    monkeypatch.setattr(agreement, "data_set", lambda _: (exact[0], exact[1] | {"CL": exact[1]["CL"] * 1.01}))
    assert min(errors(cases).values()) > TOLERANCE
