"""The noun ``Records``: a data set of doses and observations, in NONMEM's columns and with NONMEM's meaning."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import DataError, UnitError, did_you_mean
from sbmlqsp.records.carrying import filled
from sbmlqsp.records.completing import completed
from sbmlqsp.records.legality import check_legal, starts
from sbmlqsp.records.summary import Summary, summarised
from sbmlqsp.records.values import changes_table, native
from sbmlqsp.units import parse_unit

if TYPE_CHECKING:
    import pandas as pd

    from sbmlqsp.dosing import Dose, Regimen

__all__ = ["Records"]


@dataclass(frozen=True, repr=False, eq=False)
class Records:
    """A data set: who was given what and when, and what was measured.

    Parameters
    ----------
    table : DataFrame
        Records in the order of the file, all of a subject together. Columns: ID and TIME, and of LINE, AMT, RATE, II,
        ADDL, SS, EVID, CMT, DV, DVID, MDV, CENS and LLOQ those there are; the others get NONMEM's defaults, so that the
        table kept has them all. CMT and DVID are whole numbers or names, and CMT 0 is the default compartment. CENS is
        1 where the value is below the limit that DV (or LLOQ) states, -1 where it is above it.
    covariates : tuple of str
        The other columns: numbers (NaN where missing) or categories in words (None where missing).
    units : mapping of str to str
        Units of ``"TIME"``, ``"AMT"``, ``"DV"`` (or ``"DV:2"`` for the observations with DVID 2) and of covariates.
    carry : {"next", "last"}
        Which record's covariates hold between two records: those of the next (NONMEM) or of the last.
    changes : DataFrame, optional
        What was dropped, ignored, split, filled or reinterpreted so far: LINE, ID, column, value, what, why.
    source : str
        Where the data come from, for messages.

    Raises
    ------
    DataError
        A record is one that NONMEM refuses, or that contradicts itself; the message names line, subject, column, value.
    UnitError
        A unit is unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> data = Records(pd.DataFrame({"ID": [1, 1], "TIME": [0, 2], "AMT": [100, 0], "DV": [None, 4.5]}))
    >>> data.table[["EVID", "MDV"]].values.tolist()
    [[1, 1], [0, 0]]
    """

    table: pd.DataFrame
    covariates: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    carry: str = "next"
    changes: pd.DataFrame = None  # type: ignore[assignment]  # always a table once made
    source: str = ""

    def __post_init__(self) -> None:
        given: object = self.covariates  # not yet trusted to be what its annotation says
        covariates = (given,) if isinstance(given, str) else tuple(self.covariates)
        if self.carry not in {"next", "last"}:
            raise DataError("carry is unknown", value=self.carry, expected="'next' (NONMEM) or 'last'")
        if not hasattr(self.table, "columns"):
            raise DataError(
                "the records are no table",
                value=type(self.table).__name__,
                expected="a DataFrame",
                remedy="read a file with read_nonmem",
            )
        table, rows = completed(self.table, covariates, source=self.source)
        rows += check_legal(table, source=self.source)
        put = object.__setattr__
        put(self, "table", table)
        put(self, "covariates", covariates)
        put(self, "units", _checked_units(self.units, covariates))
        put(self, "changes", changes_table(rows, self.changes))

    # ----------------------------------------------------------------------------------------------------------- views
    @property
    def subjects(self) -> tuple[int | str, ...]:
        """The IDs, in order."""
        ids = self.table["ID"].tolist()
        return tuple(ids[i] for i in starts(ids))

    def subject(self, subject: int | str) -> pd.DataFrame:
        """Return the records of one subject.

        Raises
        ------
        DataError
            There is no such subject.
        """
        self._check_known(subject, self.subjects)
        return self.table[self.table["ID"] == subject].reset_index(drop=True)

    @property
    def observations(self) -> pd.DataFrame:
        """The records with EVID 0."""
        return self.table[self.table["EVID"] == 0].reset_index(drop=True)

    @property
    def doses(self) -> pd.DataFrame:
        """The records with EVID 1 or 4."""
        return self.table[self.table["EVID"].isin([1, 4])].reset_index(drop=True)

    def select(self, ids: Iterable[int | str] | int | str) -> Records:
        """Return the data of some subjects, in the order asked for.

        Raises
        ------
        DataError
            There is no such subject, or one is asked for twice.
        """
        import pandas as pd

        chosen = [native(i) for i in ([ids] if isinstance(ids, str | int) else ids)]
        known, seen = frozenset(self.subjects), set()
        for i in chosen:
            self._check_known(i, known)
            if i in seen:
                raise DataError("a subject is selected twice", value=i)
            seen.add(i)
        if not chosen:
            raise DataError("no subject is selected", value=chosen, expected="one or more of " + str(self.subjects[:9]))
        places = self.table.groupby("ID", sort=False).indices
        table = pd.concat([self.table.iloc[places[i]] for i in chosen])
        kept = self.changes[self.changes["ID"].map(lambda i: i is None or i in seen).astype(bool)]
        return replace(self, table=table, changes=kept)

    def _check_known(self, subject: object, known: Collection[object]) -> None:
        if subject not in known:
            remedy = did_you_mean(str(subject), map(str, self.subjects))
            raise DataError("there is no such subject", value=subject, where=self.source or None, remedy=remedy)

    # ------------------------------------------------------------------------------------------------------- regimens
    @classmethod
    def from_regimen(
        cls,
        regimen: Regimen | Dose | str,
        *,
        subjects: pd.DataFrame | int | None = None,
        times: Iterable[float] = (),
        time_unit: str | None = None,
        dvid: Any = 1,
        at_dose: str = "after",
        units: Mapping[str, str] | None = None,
        carry: str = "next",
        leave_out: Collection[str] = (),
    ) -> Records:
        """Return a design: a regimen for every subject, and observations without values at some times.

        Parameters
        ----------
        regimen : Regimen, Dose or str
            Amounts, rates and durations may be formulas over the covariates. Targets become CMT.
        subjects : DataFrame or int, optional
            ID (or the index) and covariates, one row per subject; or how many. By default one subject.
        times : iterable of float
            Times of observations.
        time_unit : str, optional
            Unit of TIME and `times`; by default the first that the regimen names.
        dvid : int, str or several
            What is observed at each time.
        at_dose : {"after", "before"}
            Whether an observation at the time of a dose sees it.
        units, carry
            As in `Records`.
        leave_out : collection of str
            Those of ``"lag"``, ``"bioavailability"`` and ``"molar_mass"`` that `predict` will be given; the data have
            no column for them, and ``changes`` lists them under the names of its parameters.

        Returns
        -------
        Records

        Raises
        ------
        DataError
            A dose has a lag, bioavailability or molar mass that is not left out, or a formula reads no covariate.

        Examples
        --------
        >>> import pandas as pd
        >>> people = pd.DataFrame({"ID": [1, 2], "WT": [50.0, 80.0]})
        >>> data = Records.from_regimen("[4*WT] mg into depot every 12 h x 3", subjects=people, times=[1, 30])
        >>> data.table[["ID", "TIME", "AMT", "II", "ADDL", "CMT"]].values.tolist()[3:5]
        [[2, 0.0, 320.0, 12.0, 2, 'depot'], [2, 1.0, 0.0, 0.0, 0, 0]]
        """
        from sbmlqsp.records.regimens import from_regimen

        return from_regimen(
            regimen,
            subjects=subjects,
            times=times,
            time_unit=time_unit,
            dvid=dvid,
            at_dose=at_dose,
            units=units,
            carry=carry,
            leave_out=leave_out,
        )

    def with_doses(
        self, regimen: Regimen | Dose | str, *, at_dose: str = "before", leave_out: Collection[str] = ()
    ) -> Records:
        """Return the data with a regimen given to every subject; for measured data without dose records.

        Parameters
        ----------
        regimen : Regimen, Dose or str
            Amounts may be formulas over the covariates, read where the dose falls.
        at_dose : {"before", "after"}
            A sample at the time of a dose is taken before it, unless this says after.
        leave_out : collection of str
            As in `from_regimen`.

        Raises
        ------
        DataError
            The data have doses already, or a formula reads no covariate.
        """
        from sbmlqsp.records.regimens import with_doses

        return with_doses(self, regimen, at_dose=at_dose, leave_out=leave_out)

    def regimen(self, subject: int | str, *, compartments: Mapping[Any, str] | None = None) -> Regimen:
        """Return the doses of a subject as a regimen.

        Parameters
        ----------
        subject : int or str
        compartments : mapping, optional
            Names of compartments that the data number; the default compartment (0) is the first of them.

        Raises
        ------
        DataError
            A record is one that a regimen cannot hold: a reset, a modelled rate or duration, a constant infusion at
            steady state, a steady state after other doses, a negative time, a compartment turned off.
        """
        from sbmlqsp.records.doses_of import regimen_of

        return regimen_of(self.subject(subject), self.units, compartments, source=self.source)

    # ----------------------------------------------------------------------------------------------------- other forms
    def filled(self, covariates: Sequence[str] | None = None, *, carry: str | None = None) -> Records:
        """Return the data with missing covariates carried within each subject.

        Parameters
        ----------
        covariates : sequence of str, optional
            Those to fill; by default all.
        carry : {"next", "last"}, optional
            From which record; by default as the data set says. At the end where there is none, from the other side.

        Returns
        -------
        Records
            Every value filled in is listed in ``changes``. A covariate that a subject has on no record stays missing.
        """
        table, rows = filled(self.table, self._covariates(covariates), carry or self.carry)
        return replace(self, table=table, changes=changes_table(rows, self.changes))

    def _covariates(self, names: Sequence[str] | None) -> tuple[str, ...]:
        chosen = self.covariates if names is None else (names,) if isinstance(names, str) else tuple(names)
        for name in chosen:
            if name not in self.covariates:
                raise DataError("there is no such covariate", value=name, remedy=did_you_mean(name, self.covariates))
        return chosen

    def summary(self) -> Summary:
        """Return how many subjects, doses and samples there are, what is missing, and what the covariates span."""
        return summarised(self)

    # ------------------------------------------------------------------------------------------------------ comparison
    def __len__(self) -> int:
        return len(self.table)

    def __eq__(self, other: object) -> bool:
        """Compare what the data say; where they came from and what was changed does not count."""
        if not isinstance(other, Records):
            return NotImplemented
        mine, theirs = ((r.covariates, dict(r.units), r.carry) for r in (self, other))
        return mine == theirs and self.table.drop(columns="LINE").equals(other.table.drop(columns="LINE"))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Records {self.source}".rstrip() + f"\n{self.summary()}"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_() + self.table.head(12).to_html(index=False)


def _checked_units(units: Mapping[str, str], covariates: tuple[str, ...]) -> dict[str, str]:
    known = ("TIME", "AMT", "DV", *covariates)
    for key, text in dict(units).items():
        if key not in known and not str(key).startswith("DV:"):
            raise UnitError(
                "a unit is given for something that has none",
                value=key,
                where="units",
                remedy=f"name one of these, or 'DV:2'; {did_you_mean(str(key), known)}",
            )
        try:
            unit = parse_unit(text)
        except UnitError as err:
            raise err.changed(value=text, where=f"units, {key}") from None
        if key == "TIME" and not unit.same_dimension(parse_unit("s")):
            raise UnitError(
                "the unit of TIME is not a time", value=text, where="units", expected="such as 'h' or 'day'"
            )
    return dict(units)
