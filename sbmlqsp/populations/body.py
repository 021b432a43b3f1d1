"""Quantities of the body by their published formulas, each within the ages it was made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean

__all__ = [
    "QUANTITIES",
    "Quantity",
    "absolute_gfr",
    "body_mass_index",
    "body_surface_area",
    "creatinine_clearance",
    "egfr",
    "fat_free_mass",
    "ideal_body_weight",
    "lean_body_mass",
]

FEMALE, MALE = frozenset({"f", "female"}), frozenset({"m", "male"})
RANGES = {
    "age": (0.0, 120.0, "years"),
    "weight": (0.2, 650.0, "kg"),
    "height": (20.0, 280.0, "cm"),
    "creatinine": (0.02, 30.0, "mg/dL; 1 mg/dL is 88.4 µmol/L"),
}
"""What a person can have, in the unit of the formulas: a height in metres or a creatinine in µmol/L falls outside."""


def body_mass_index(weight: Any, height: Any) -> Any:
    """Return the body mass index in kg/m², for a weight in kg and a height in cm.

    Raises
    ------
    DataError
        A value that nobody has in that unit.

    References
    ----------
    Keys A, Fidanza F, Karvonen MJ et al. (1972) Indices of relative weight and obesity.
    https://doi.org/10.1016/0021-9681(72)90027-6

    Examples
    --------
    >>> float(body_mass_index(70, 175).round(2))
    22.86
    """
    return _checked("weight", weight) / (_checked("height", height) / 100) ** 2


def body_surface_area(weight: Any, height: Any, *, method: str = "mosteller") -> Any:
    """Return the body surface area in m², for a weight in kg and a height in cm.

    Parameters
    ----------
    weight, height : array_like
    method : {"mosteller", "du bois", "haycock"}
        Haycock's was made for infants, children and adults; Du Bois' underestimates infants.

    Raises
    ------
    DataError
        A value that nobody has in that unit, or an unknown method.

    References
    ----------
    Mosteller RD (1987) Simplified calculation of body-surface area. https://doi.org/10.1056/NEJM198710223171717

    Du Bois D, Du Bois EF (1916) A formula to estimate the approximate surface area if height and weight be known.
    https://doi.org/10.1001/archinte.1916.00080130010002

    Haycock GB, Schwartz GJ, Wisotsky DH (1978) Geometric method for measuring body surface area.
    https://doi.org/10.1016/S0022-3476(78)80601-5

    Examples
    --------
    >>> float(body_surface_area(80, 180))
    2.0
    """
    weight, height = _checked("weight", weight), _checked("height", height)
    if method == "mosteller":
        return np.sqrt(weight * height / 3600)
    factors = {"du bois": (0.007184, 0.425, 0.725), "haycock": (0.024265, 0.5378, 0.3964)}
    if method not in factors:
        raise DataError("no such formula of body surface area", value=method, expected="mosteller, du bois, haycock")
    factor, a, b = factors[method]
    return factor * weight**a * height**b


def fat_free_mass(weight: Any, height: Any, *, age: Any, sex: Any) -> Any:
    """Return the fat-free mass in kg, from 3 years: Janmahasatian's in adults, matured after Al-Sallami below 18 years.

    Parameters
    ----------
    weight, height, age : array_like
        In kg, cm and years.
    sex : array_like of {"F", "M", "female", "male"}

    Raises
    ------
    DataError
        A value that nobody has in that unit, an age below 3 years, or another word for the sex.

    Notes
    -----
    The maturation of girls reaches 1.03, not 1, at 18 years, where the two formulas meet; that of boys 0.997.

    References
    ----------
    Janmahasatian S, Duffull SB, Ash S et al. (2005) Quantification of lean bodyweight.
    https://doi.org/10.2165/00003088-200544100-00004

    Al-Sallami HS, Goulding A, Grant A et al. (2015) Prediction of fat-free mass in children.
    https://doi.org/10.1007/s40262-015-0277-z

    Examples
    --------
    >>> fat_free_mass([70, 60], [175, 140], age=[40, 12], sex=["M", "F"]).round(1).tolist()
    [55.9, 35.6]
    """
    age, female = _aged(age, low=3.0, formula="fat-free mass"), _is_female(sex)
    adult = _janmahasatian(weight, height, female)
    girls = 1.11 - 0.11 / (1 + (age / 7.1) ** -1.1)
    boys = 0.88 + 0.12 / (1 + (age / 13.4) ** -12.7)
    return adult * np.where(age >= 18, 1.0, np.where(female, girls, boys))


def lean_body_mass(weight: Any, height: Any, *, age: Any, sex: Any) -> Any:
    """Return the lean body mass in kg: Janmahasatian's from 18 years, Peters' from 1 to 14 years.

    Parameters
    ----------
    weight, height, age : array_like
        In kg, cm and years.
    sex : array_like of {"F", "M", "female", "male"}

    Raises
    ------
    DataError
        A value that nobody has in that unit, an age that neither formula was made for, or another word for the sex.

    References
    ----------
    Janmahasatian S, Duffull SB, Ash S et al. (2005) Quantification of lean bodyweight.
    https://doi.org/10.2165/00003088-200544100-00004

    Peters AM, Snelling HLR, Glass DM, Bird NJ (2011) Estimation of lean body mass in children.
    https://doi.org/10.1093/bja/aer057

    Examples
    --------
    >>> lean_body_mass([70, 40], [175, 153], age=[40, 13], sex=["M", "M"]).round(2).tolist()
    [55.86, 33.84]
    """
    age, female = _aged(age, low=1.0, formula="lean body mass"), _is_female(sex)
    between = (age > 14) & (age < 18)
    if between.any():
        raise DataError("there is no formula of lean body mass for the age", value=float(age[between].flat[0]),
                        expected="1 to 14 years, or 18 and above", remedy="take the fat-free mass, FFM")  # fmt: skip
    children = 3.8 * 0.0215 * _checked("weight", weight) ** 0.6469 * _checked("height", height) ** 0.7236
    return np.where(age >= 18, _janmahasatian(weight, height, female), children)


def ideal_body_weight(height: Any, *, sex: Any, extend: bool = False) -> Any:
    """Return Devine's ideal body weight of adults in kg, for a height in cm.

    Parameters
    ----------
    height : array_like
    sex : array_like of {"F", "M", "female", "male"}
    extend : bool
        Go on below 5 feet (152.4 cm), of which the formula does not speak, by the same 2.3 kg per inch.

    Raises
    ------
    DataError
        A height that nobody has in cm, or below 152.4 cm, or another word for the sex.

    References
    ----------
    Devine BJ (1974) Gentamicin therapy. Drug Intelligence and Clinical Pharmacy 8:650–655. See Pai MP, Paloucek FP
    (2000) The origin of the "ideal" body weight equations. https://doi.org/10.1345/aph.19381

    Examples
    --------
    >>> ideal_body_weight([177.8, 165.1], sex=["M", "F"]).round(1).tolist()
    [73.0, 57.0]
    """
    inches = _checked("height", height) / 2.54 - 60
    if not extend and (inches < -1e-9).any():
        raise DataError("Devine's ideal body weight begins at a height of 5 feet", value=float(np.min(height)),
                        expected="152.4 cm or more", remedy="give extend=True to go on below")  # fmt: skip
    return np.where(_is_female(sex), 45.5, 50.0) + 2.3 * inches


def creatinine_clearance(weight: Any, creatinine: Any, *, age: Any, sex: Any) -> Any:
    """Return the creatinine clearance of adults in mL/min, after Cockcroft and Gault.

    Parameters
    ----------
    weight : array_like
        In kg: as weighed, or what the label of the drug asks for.
    creatinine : array_like
        Of serum, in mg/dL.
    age : array_like
        In years, 18 to 120.
    sex : array_like of {"F", "M", "female", "male"}

    Raises
    ------
    DataError
        A value that nobody has in that unit, an age below 18 years, or another word for the sex.

    References
    ----------
    Cockcroft DW, Gault MH (1976) Prediction of creatinine clearance from serum creatinine.
    https://doi.org/10.1159/000180580

    Examples
    --------
    >>> creatinine_clearance(80, 1.0, age=40, sex="M").round(1).item()
    111.1
    """
    age = _aged(age, low=18.0, formula="the Cockcroft–Gault clearance")
    rate = (140 - age) * _checked("weight", weight) / (72 * _checked("creatinine", creatinine))
    return rate * np.where(_is_female(sex), 0.85, 1.0)


def egfr(creatinine: Any, *, age: Any, sex: Any, height: Any = None) -> Any:
    """Return the estimated glomerular filtration rate in mL/min/1.73 m²: CKD-EPI 2021, bedside Schwartz below 18.

    Parameters
    ----------
    creatinine : array_like
        Of serum, in mg/dL, by an assay traceable to isotope dilution mass spectrometry.
    age : array_like
        In years, 1 to 120.
    sex : array_like of {"F", "M", "female", "male"}
    height : array_like, optional
        In cm; needed where somebody is younger than 18 years.

    Raises
    ------
    DataError
        A value that nobody has in that unit, an age below 1 year, a child without height, or another word for the sex.

    Notes
    -----
    The formulas differ at 18 years: the bedside one gives much less for the same healthy person.

    References
    ----------
    Inker LA, Eneanya ND, Coresh J et al. (2021) New creatinine- and cystatin C-based equations to estimate GFR without
    race. https://doi.org/10.1056/NEJMoa2102953

    Schwartz GJ, Muñoz A, Schneider MF et al. (2009) New equations to estimate GFR in children with CKD.
    https://doi.org/10.1681/ASN.2008030287

    Examples
    --------
    >>> egfr([1.2, 0.5], age=[55, 8], sex=["M", "F"], height=[180, 128]).round().tolist()
    [71.0, 106.0]
    """
    age, female = _aged(age, low=1.0, formula="the estimated filtration rate"), _is_female(sex)
    creatinine = _checked("creatinine", creatinine)
    ratio = creatinine / np.where(female, 0.7, 0.9)
    low, high = np.minimum(ratio, 1.0) ** np.where(female, -0.241, -0.302), np.maximum(ratio, 1.0) ** -1.2
    adult = 142 * low * high * 0.9938**age * np.where(female, 1.012, 1.0)
    if not (age < 18).any():
        return adult
    if height is None:
        raise DataError("the filtration rate of a child needs the height", value=float(age[age < 18].flat[0]),
                        where="the ages, in years", remedy="give the height in cm")  # fmt: skip
    return np.where(age < 18, 0.413 * _checked("height", height) / creatinine, adult)


def absolute_gfr(rate: Any, surface: Any) -> Any:
    """Return a filtration rate in mL/min, for one in mL/min per 1.73 m² and the body surface area in m².

    Raises
    ------
    DataError
        A value is not a positive number.

    References
    ----------
    Kidney Disease: Improving Global Outcomes CKD Work Group (2024) KDIGO 2024 clinical practice guideline for the
    evaluation and management of chronic kidney disease. https://doi.org/10.1016/j.kint.2023.10.018

    Examples
    --------
    >>> float(absolute_gfr(90, 2.0).round(1))
    104.0
    """
    rate, surface = np.asarray(rate, dtype=float), np.asarray(surface, dtype=float)
    for name, x in (("filtration rate", rate), ("body surface area", surface)):
        if not (np.isfinite(x) & (x > 0)).all():
            raise DataError(f"the {name} is not usable", value=x.tolist(), expected="positive numbers")
    return rate * surface / 1.73


@dataclass(frozen=True)
class Quantity:
    """A quantity that follows from other columns of a data set.

    Parameters
    ----------
    name : str
        The column.
    needs : tuple of str
        The columns it is computed from: ``AGE`` in years, ``SEX`` as ``"F"`` or ``"M"``, ``HT`` in cm, ``WT`` in kg,
        ``SCR`` in mg/dL.
    unit : str
    reference : str
        The formula, where it was published, and for whom.
    formula : callable
        Takes the columns by name.
    optional : tuple of str
        Columns that only some people need.

    Examples
    --------
    >>> QUANTITIES["BSA"].compute({"WT": np.array([80.0]), "HT": np.array([180.0])}).tolist()
    [2.0]
    """

    name: str
    needs: tuple[str, ...]
    unit: str
    reference: str
    formula: Callable[[Mapping[str, Any]], Any]
    optional: tuple[str, ...] = ()

    def compute(self, columns: Mapping[str, Any]) -> Any:
        """Return the values, one for each person.

        Raises
        ------
        DataError
            A column is missing, or has a value that the formula does not take.
        """
        for name in self.needs:
            if name not in columns:
                raise DataError(f"{self.name} needs the column '{name}'", remedy=did_you_mean(name, columns))
        used = {n: np.asarray(columns[n]) for n in (*self.needs, *self.optional) if n in columns}
        return np.asarray(self.formula(used), dtype=float)


def _janmahasatian(weight: Any, height: Any, female: Any) -> Any:
    bmi = body_mass_index(weight, height)
    return 9270 * _checked("weight", weight) / np.where(female, 8780 + 244 * bmi, 6680 + 216 * bmi)


def _egfr(columns: Mapping[str, Any]) -> Any:
    return egfr(columns["SCR"], age=columns["AGE"], sex=columns["SEX"], height=columns.get("HT"))


def _checked(name: str, values: Any) -> Any:
    """Return numbers, all of which a person can have."""
    low, high, unit = RANGES[name]
    given = np.asarray(values)
    if given.dtype.kind not in "fiu":
        raise DataError(f"the {name} is not a number", value=values, expected=f"numbers in {unit}")
    x = given.astype(float)
    bad = ~((x >= low) & (x <= high))
    if bad.any():
        raise DataError(f"the {name} is not one that a person has", value=float(x[bad].flat[0]),
                        expected=f"{low:g} to {high:g} {unit}")  # fmt: skip
    return x


def _aged(age: Any, *, low: float, formula: str) -> Any:
    x = _checked("age", age)
    if (x < low).any():
        raise DataError(f"{formula} has no formula for the age", value=float(x.min()),
                        expected=f"{low:g} years or more", remedy="leave these people out")  # fmt: skip
    return x


def _is_female(sex: Any) -> Any:
    words = np.char.lower(np.asarray(sex).astype(str))
    female, male = np.isin(words, list(FEMALE)), np.isin(words, list(MALE))
    if not (female | male).all():
        strange = np.asarray(sex)[~(female | male)].flat[0]
        raise DataError(
            "the sex is not one of the words", value=str(strange), expected="'F' or 'M', 'female' or 'male'"
        )
    return female


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        q.name: q
        for q in (
            Quantity("BMI", ("WT", "HT"), "kg/m^2", "Body mass index, weight/height².",
                     lambda c: body_mass_index(c["WT"], c["HT"])),
            Quantity("BSA", ("WT", "HT"), "m^2", "Mosteller 1987, https://doi.org/10.1056/NEJM198710223171717",
                     lambda c: body_surface_area(c["WT"], c["HT"])),
            Quantity("LBM", ("WT", "HT", "AGE", "SEX"), "kg",
                     "18 years and above: Janmahasatian 2005, https://doi.org/10.2165/00003088-200544100-00004; "
                     "1 to 14 years: Peters 2011, https://doi.org/10.1093/bja/aer057",
                     lambda c: lean_body_mass(c["WT"], c["HT"], age=c["AGE"], sex=c["SEX"])),
            Quantity("FFM", ("WT", "HT", "AGE", "SEX"), "kg",
                     "18 years and above: Janmahasatian 2005, https://doi.org/10.2165/00003088-200544100-00004; "
                     "3 to 18 years: Al-Sallami 2015, https://doi.org/10.1007/s40262-015-0277-z",
                     lambda c: fat_free_mass(c["WT"], c["HT"], age=c["AGE"], sex=c["SEX"])),
            Quantity("IBW", ("HT", "SEX"), "kg", "Adults, from 152.4 cm: Devine, see https://doi.org/10.1345/aph.19381",
                     lambda c: ideal_body_weight(c["HT"], sex=c["SEX"])),
            Quantity("CRCL", ("WT", "SCR", "AGE", "SEX"), "mL/min",
                     "Adults: Cockcroft and Gault 1976, https://doi.org/10.1159/000180580",
                     lambda c: creatinine_clearance(c["WT"], c["SCR"], age=c["AGE"], sex=c["SEX"])),
            Quantity("EGFR", ("SCR", "AGE", "SEX"), "mL/min/1.73 m^2",
                     "18 years and above: CKD-EPI 2021, https://doi.org/10.1056/NEJMoa2102953; "
                     "1 to 18 years: bedside Schwartz 2009, https://doi.org/10.1681/ASN.2008030287",
                     _egfr, optional=("HT",)),
            Quantity("GFR", ("SCR", "AGE", "SEX", "HT", "WT"), "mL/min",
                     "EGFR for the body surface area (Mosteller) of the person instead of 1.73 m²",
                     lambda c: absolute_gfr(_egfr(c), body_surface_area(c["WT"], c["HT"]))),
        )
    }
)  # fmt: skip
"""Quantities by the names that data sets give them."""
