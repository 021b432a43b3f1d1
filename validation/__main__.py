"""Run the validation and report on every claim.

    python -m validation                        all cases, and the studies that need nothing more
    python -m validation --row S0-09 S0-11      what proves these claims
    python -m validation --model tmdd_full      the cases of one model
    python -m validation --study composition    one study
    python -m validation --list                 what there is, without running it

With ``--output FOLDER`` the results are also written as ``validation.json`` and as one page with figures,
``validation.html``. The exit code is 1 if anything failed; what is absent is said, not counted as failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from validation import page
from validation.cases import Case
from validation.run import OUTCOMES, CaseResult, claims, run_cases, select_cases, select_studies, verdicts
from validation.studies import STUDIES, Study, StudyResult

QUICK = ("library", "simulated", "composition", "review", "engines", "theophylline", "semantic")


def arguments(argv: list[str] | None) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m validation", description="Run the validation, claim by claim.")
    p.add_argument("words", nargs="*", metavar="WORD", help="only cases whose name or claim has all these words")
    p.add_argument("--row", nargs="+", default=[], metavar="ROW", help="only what proves these claims, such as S0-09")
    p.add_argument("--model", nargs="+", default=[], metavar="ID", help="only cases of these models")
    known = ", ".join(s.id for s in STUDIES)
    p.add_argument("--study", nargs="+", default=[], metavar="ID", help=f"only these studies ({known})")
    p.add_argument("--list", action="store_true", help="list what would run")
    p.add_argument("--output", metavar="FOLDER", help="write validation.json and validation.html there")
    found = p.parse_args(argv)
    for row in found.row:
        if row not in claims():
            p.error(f"there is no claim '{row}'")
    for name in found.study:
        if name not in {s.id for s in STUDIES}:
            p.error(f"there is no study '{name}'")
    return found


def main(argv: list[str] | None = None) -> int:
    given = arguments(argv)
    narrowed = bool(given.words or given.row or given.model or given.study)
    only_studies = bool(given.study) and not (given.words or given.row or given.model)
    cases = [] if only_studies else select_cases(rows=given.row, models=given.model, words=given.words)
    names = given.study if narrowed else QUICK
    studies = select_studies(rows=given.row, names=names)
    if given.list:
        return show(cases, studies)
    results = []
    for one in run_cases(cases):
        results.append(one)
        tell(one)
    ended: dict[str, StudyResult] = {}
    for study in studies:
        ended[study.id] = study.run()
        last = ended[study.id].text.splitlines()[-1:] or [""]
        print(f"study {study.id}: {ended[study.id].outcome} ({ended[study.id].seconds:.0f} s) {last[0]}", flush=True)
    return summarise(results, ended, given.output, rows=given.row, narrowed=narrowed)


def show(cases: list[Case], studies: list[Study]) -> int:
    for one in cases:
        print(f"{one.id}  [{', '.join(one.rows)}]  {len(one.sets)} sets\n    {one.claim}")
    for study in studies:
        print(f"study {study.id}  [{', '.join(study.rows)}]  {study.about}")
    return 0 if cases or studies else 2


def tell(one: CaseResult) -> None:
    if not one.ok:
        print(f"FAILED {one.case.id} ({one.set}): {'; '.join(one.wrong)[:300]}", flush=True)


def summarise(
    results: list[CaseResult], studies: dict[str, StudyResult], output: str | None, *, rows: list[str], narrowed: bool
) -> int:
    found = verdicts(results, studies)
    shown = [v for v in found if (v.row in rows if rows else not narrowed or v.outcome != "absent")]
    for v in shown:
        worst = f"{v.error:.1e}" if v.comparisons else ""
        models = ", ".join(v.models[:3]) + (" …" if len(v.models) > 3 else "")
        size = f"{v.cases:3} cases {v.comparisons:5} comparisons"
        print(f"{v.row:7} {v.outcome:7} {size} {worst:8} {models}  {v.note[:100]}")
    counts = ", ".join(f"{sum(v.outcome == o for v in shown)} {o}" for o in OUTCOMES)
    worst = max((r.error for r in results if r.ok), default=0.0)
    print(
        f"{len(results)} runs of {len({r.case.id for r in results})} cases, {sum(len(r.comparisons) for r in results)} "
        f"comparisons, largest relative error {worst:.1e}; claims: {counts}"
    )
    if output:
        print(page.write(Path(output), results, studies, found, when=time.strftime("%Y-%m-%d")))
    bad = any(not r.ok for r in results) or any(s.outcome == "failed" for s in studies.values())
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
