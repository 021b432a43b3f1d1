"""Compare library models with their blind re-implementations.

python -m validation.review [ID ...]
"""

from __future__ import annotations

import sys

from sbmlqsp.catalogue import catalogue
from validation.reviewing import TOLERANCE, all_reviews, compare


def main(wanted: list[str]) -> int:
    bad = 0
    for name in wanted or all_reviews():
        errors = compare(name)
        worst = max(errors, key=lambda k: errors[k])
        agrees = errors[worst] <= TOLERANCE
        bad += not agrees
        off = ", ".join(f"{k} {v:.1e}" for k, v in errors.items() if v > TOLERANCE)
        print(f"{name:42} {len(errors):3} curves  {errors[worst]:.1e} {'agrees' if agrees else 'DIFFERS: ' + off}")
    status = catalogue()["status"].value_counts().to_dict()
    print(f"{len(all_reviews())} re-implementations, {bad} differ; cards: {status}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
