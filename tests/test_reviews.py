"""Every blind re-implementation agrees, and a card says "reviewed" exactly where there is one."""

from __future__ import annotations

import pytest

from sbmlqsp.catalogue import catalogue
from validation.reviewing import TOLERANCE, all_reviews, compare


@pytest.mark.parametrize("name", all_reviews())
def test_the_model_is_what_its_card_says(name):
    # The model's own values, one drawn set and each disturbed start; `python -m validation.review` draws more.
    off = {k: v for k, v in compare(name, sets=2).items() if not v <= TOLERANCE}
    assert not off


def test_reviewed_means_written_anew():
    status = catalogue()["status"]
    assert set(status.index[status == "reviewed"]) == set(all_reviews())
