"""Demographics: what is drawn, against percentiles as published; one row at a time; and what is refused."""

import csv
import math

import numpy as np
import pytest
from scipy.special import ndtri

from sbmlqsp.errors import DataError
from sbmlqsp.populations.demographics import Demographics
from sbmlqsp.populations.growth import DATA, box_cox, reference, score_of

SIGMAS = 5.4  # as in test_populations: a right sampler lies once in 15 million checks
SIZE = 20_000
CHARTED = (0.05, 0.25, 0.5, 0.75, 0.95)

# CDC growth charts of 2000 (statage, wtage, lenageinf, wtageinf): the columns of percentiles, which the data leave out.
CHARTS = {
    ("M", 60.5): ((101.4523, 106.0265, 109.1751, 112.2998, 116.7550), (15.2320, 16.9970, 18.4859, 20.2609, 23.5083)),
    ("F", 60.5): ((100.3891, 104.7829, 107.9566, 111.2321, 116.1301), (14.7092, 16.4747, 18.0231, 19.9505, 23.7502)),
    ("M", 120.5): ((128.1625, 134.4008, 138.8234, 143.3168, 149.9053), (24.9439, 28.6689, 32.0880, 36.5585, 46.1575)),
    ("F", 120.5): ((127.4524, 133.7239, 138.2112, 142.8051, 149.6043), (24.8652, 29.1707, 33.0639, 38.0388, 48.1750)),
    ("M", 180.5): ((156.6566, 164.7713, 170.1393, 175.3105, 182.4429), (43.0151, 50.2138, 56.4910, 64.1933, 78.8266)),
    ("F", 180.5): ((151.2611, 157.5271, 161.8980, 166.2812, 172.6084), (40.7684, 46.6545, 52.1357, 59.4440, 75.8280)),
    ("M", 6.5): ((63.8417, 66.1390, 67.8602, 69.6958, 72.5631), (6.7460, 7.5483, 8.1630, 8.8288, 9.8854)),
    ("F", 6.5): ((61.7721, 64.3501, 66.1184, 67.8685, 70.3559), (6.1306, 6.8915, 7.4549, 8.0472, 8.9515)),
}
# The same charts' body mass index for age (bmiagerev).
BMI = {
    ("M", 60.5): (13.8385, 14.6950, 15.4191, 16.2915, 17.9389),
    ("F", 60.5): (13.5209, 14.3835, 15.1519, 16.1384, 18.2574),
    ("M", 120.5): (14.2187, 15.4727, 16.6461, 18.2452, 22.1541),
    ("F", 120.5): (14.0354, 15.4999, 16.8623, 18.6952, 22.9826),
    ("M", 180.5): (16.5548, 18.2709, 19.8577, 21.9753, 26.8369),
    ("F", 180.5): (16.3097, 18.1736, 19.9306, 22.3309, 28.1237),
}
# Weight for length (wtleninf): sex, and the 10th and 90th percentiles in kg at 76.5 cm (boys) and 74.5 cm (girls).
WEIGHT_FOR_LENGTH = (("M", 9.0761, 11.0772), ("F", 8.4362, 10.472))


def scores(size=SIZE, *, seed=4):
    return np.random.default_rng(seed).standard_normal((size, 4))


def of(sex, low, high):
    return Demographics(age=(low, high), female=float(sex == "F"))


def table(name):
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


SURVEY = {(r["quantity"], r["sex"], int(r["from"])): r for r in table("nhanes_2021_2023.csv")}


# ------------------------------------------------------------------------------------------------- against the tables
@pytest.mark.parametrize(("sex", "months"), CHARTS)
def test_children_have_the_percentiles_of_the_charts(sex, months):
    drawn = of(sex, months / 12, months / 12).draw(scores())
    for name, published in zip(("HT", "WT"), CHARTS[sex, months], strict=True):
        for p, value in zip(CHARTED, published, strict=True):
            error = math.sqrt(p * (1 - p) / SIZE)
            assert abs((drawn[name] < value).mean() - p) < SIGMAS * error, (name, p)


@pytest.mark.parametrize(("sex", "months"), CHARTS)
def test_the_score_of_a_height_is_its_percentile(sex, months):
    z = np.zeros((5, 4))
    z[:, 2] = ndtri(CHARTED)
    assert of(sex, months / 12, months / 12).draw(z)["HT"] == pytest.approx(CHARTS[sex, months][0], rel=2e-3)


@pytest.mark.parametrize(("sex", "months"), BMI)
def test_the_body_mass_index_of_children_follows(sex, months):
    # Nothing is drawn from this table: its spread alone sets the correlation of height and weight.
    drawn = of(sex, months / 12, months / 12).draw(scores())
    found = np.quantile(drawn["WT"] / (drawn["HT"] / 100) ** 2, CHARTED)
    assert found == pytest.approx(BMI[sex, months], rel=0.07)


@pytest.mark.parametrize("sex", ["F", "M"])
@pytest.mark.parametrize("begin", [20, 30, 40, 50, 60, 70])
def test_adults_have_the_means_and_percentiles_of_the_survey(sex, begin):
    drawn = of(sex, begin, begin + 10).draw(scores())
    drawn["BMI"] = drawn["WT"] / (drawn["HT"] / 100) ** 2
    # The means were not fitted, nor any index; 20 to 29 is drawn towards the lighter 18 to 19.
    within = {"HT": (0.004, 0.012), "WT": (0.03, 0.06), "BMI": (0.022, 0.07)}
    for name, quantity in (("HT", "height"), ("WT", "weight"), ("BMI", "bmi")):
        row, (mean, percentile) = SURVEY[quantity, sex, begin], within[name]
        assert drawn[name].mean() == pytest.approx(float(row["mean"]), rel=mean), name
        for p in (5, 25, 50, 75, 95):
            assert np.quantile(drawn[name], p / 100) == pytest.approx(float(row[f"p{p}"]), rel=percentile), (name, p)


def test_the_spread_of_the_survey_index_gives_the_correlation():
    for sex, low, high in (("M", 0.40, 0.50), ("F", 0.22, 0.34)):
        together = reference(np.array([45.0]), np.array([sex == "F"]))[0, 6]
        assert low < together < high
        z = scores()
        drawn = of(sex, 45, 45).draw(z)
        assert np.corrcoef(drawn["HT"], drawn["WT"])[0, 1] == pytest.approx(together, abs=0.03)


@pytest.mark.parametrize(("sex", "tenth", "ninetieth"), WEIGHT_FOR_LENGTH)
def test_infants_of_one_length_differ_in_weight_as_published(sex, tenth, ninetieth):
    drawn = of(sex, 12.5 / 12, 12.5 / 12).draw(scores())
    length, weight = np.log(drawn["HT"]), np.log(drawn["WT"])
    slope, level = np.polyfit(length, weight, 1)
    spread = math.log(ninetieth / tenth) / (2 * ndtri(0.9))
    assert np.std(weight - level - slope * length) == pytest.approx(spread, rel=0.04)


def test_nothing_jumps_but_length_that_becomes_stature():
    for female in (False, True):
        ages = np.arange(0, 90, 1 / 365)
        rows = reference(ages, np.full(len(ages), female))
        steps = np.abs(np.diff(np.log(rows[:, [1, 4]]), axis=0))
        at_two = int(np.searchsorted(ages, 2.0)) - 1
        lying, standing = rows[at_two, 1], rows[at_two + 1, 1]
        assert lying - standing == pytest.approx(0.8, abs=0.05)
        steps[at_two] = 0.0
        assert steps[ages[1:] > 0.1].max() < 0.0065  # in one day: 30 g in infants of five weeks
        adult = ages[1:] > 16
        assert steps[adult].max() * 365 < 0.17  # 9 kg in the year from 18 to 19: the gap between the two tables


def test_every_score_has_a_value():
    for female in (False, True):
        rows = reference(np.linspace(0, 90, 5001), np.full(5001, female))
        assert (1 - 3 * np.abs(rows[:, [0, 3]] * rows[:, [2, 5]]) > 0.05).all()
        assert (rows[:, 6] > 0.2).all()
        assert (rows[:, 6] < 0.9).all()
    extreme = Demographics(age=(0, 90)).draw(20 * scores(500))
    assert all(np.isfinite(extreme[n]).all() for n in ("AGE", "HT", "WT"))


def test_box_cox_and_its_score_are_inverse():
    for power in (-1.5, -1e-9, 0.0, 1e-3, 1.0):
        z = np.linspace(-2.5, 2.5, 11)
        values = box_cox(np.array(power), 70.0, 0.2, z)
        back = [float(score_of(np.array(power), 70.0, 0.2, v)) for v in values]
        assert back == pytest.approx(z, abs=1e-6)
    assert float(box_cox(np.array(0.0), 70.0, 0.2, 1.0)) == pytest.approx(70 * math.exp(0.2))
    assert float(box_cox(np.array(-0.5), 70.0, 0.2, 1.0)) == pytest.approx(70 * (1 - 0.1) ** -2)


def test_the_adult_power_is_the_best_of_its_neighbours():
    from sbmlqsp.populations import growth

    def misfit(power):
        total = 0.0
        for (quantity, _, _), row in SURVEY.items():
            if quantity == "weight":
                z = ndtri(np.array([5, 10, 15, 25, 50, 75, 85, 90, 95]) / 100)
                y = np.array([float(v) for k, v in row.items() if k[0] == "p"])
                slope, level = np.polyfit(z, y**power, 1)
                total += float((np.log((level + slope * z) ** (1 / power) / y) ** 2).sum())
        return total

    assert growth.POWER["weight"] == min((-1.0, -0.9, -0.7, -0.5, -0.3, -0.1, 0.5, 1.0), key=misfit)


# ------------------------------------------------------------------------------------------------- ages and sexes
def test_ages_and_sexes_have_their_shares():
    people = Demographics(age_weights={"60-75": 0.25, (18, 40): 0.75}, female=0.3)
    drawn = people.draw(scores())
    assert people.age == (18.0, 75.0)
    young = drawn["AGE"] < 40
    for found, share in ((young.mean(), 0.75), ((drawn["SEX"] == "F").mean(), 0.3)):
        assert abs(found - share) < SIGMAS * math.sqrt(share * (1 - share) / SIZE)
    assert abs(drawn["AGE"][young].mean() - 29) < SIGMAS * 22 / math.sqrt(12 * young.sum())
    assert ((drawn["AGE"] >= 18) & (young | (drawn["AGE"] >= 60)) & (drawn["AGE"] <= 75)).all()
    assert drawn["SEX"].dtype == object
    assert set(drawn["SEX"]) == set(people.words["SEX"])


@pytest.mark.parametrize("share", [0, 1])
def test_one_sex_alone(share):
    drawn = Demographics(female=share).draw(np.vstack([scores(100), np.full((1, 4), 40.0), np.full((1, 4), -40.0)]))
    assert set(drawn["SEX"]) == {"F" if share else "M"}


# ------------------------------------------------------------------------------------------------- rows
@pytest.mark.parametrize(
    "people", [Demographics(age=(0, 90)), Demographics(weight=(50, 100), age_weights={"18-90": 1})]
)
def test_a_row_is_the_same_alone(people):
    z = scores(257)
    whole = people.draw(z)
    assert set(whole) == {"AGE", "SEX", "HT", "WT"}
    assert set(people.units) == set(whole) - {"SEX"}
    for rows in ([0], [256], [3, 1, 200], list(range(0, 257, 2))):
        part = people.draw(z[rows])
        for name, values in whole.items():
            assert (part[name] == values[rows]).all(), name
    assert [len(v) for v in people.draw(np.empty((0, 4))).values()] == [0, 0, 0, 0]


# ------------------------------------------------------------------------------------------------- bounds of the weight
def test_bounded_weights_are_the_others_within_the_bounds():
    z = scores()
    z[:, :3] = [0.0, 0.0, 0.4]
    free, bound = Demographics(female=0).draw(z), Demographics(female=0, weight=(60, 110)).draw(z)
    assert (free["HT"] == bound["HT"]).all()
    assert (free["AGE"] == bound["AGE"]).all()
    assert bound["WT"].min() >= 60
    assert bound["WT"].max() <= 110
    kept = np.sort(free["WT"][(free["WT"] >= 60) & (free["WT"] <= 110)])
    for p in (0.1, 0.5, 0.9):
        error = math.sqrt(p * (1 - p) * 2 / len(kept))
        assert abs((bound["WT"] < np.quantile(kept, p)).mean() - p) < SIGMAS * error


def test_a_bound_of_zero_is_none():
    z = scores(50)
    assert Demographics(weight=(0, 1000)).draw(z)["WT"] == pytest.approx(Demographics().draw(z)["WT"])


# ------------------------------------------------------------------------------------------------- refused
@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"age": (18, 95)}, "do not speak of such an age"),
        ({"age": (-1, 5)}, "ages are not usable"),
        ({"age": (65, 18)}, "ages are not usable"),
        ({"age": (18, float("nan"))}, "ages are not usable"),
        ({"age": 30}, "ages are not usable"),
        ({"age": ("18", "65")}, "ages are not usable"),
        ({"female": 50}, "share of women"),
        ({"female": True}, "share of women"),
        ({"female": float("nan")}, "share of women"),
        ({"weight": (100, 50)}, "bounds of the weight are not usable"),
        ({"weight": (70, 70)}, "leave almost nobody"),
        ({"age": (2, 18), "weight": (40, 150)}, "women or girls of 2.0 years"),
        ({"age": (2, 18), "weight": (40, 150), "female": 0}, "men or boys of 2.0 years"),
        ({"weight": (40000, 150000)}, "leave almost nobody"),
        ({"age_weights": {"18-40": 0.5, "40-65": 0.4}}, "do not add up to 1"),
        ({"age_weights": {"18-40": 0.5, "30-65": 0.5}}, "overlap"),
        ({"age_weights": {"18-40": 0.5, (18, 40): 0.5}}, "not usable"),
        ({"age_weights": {"18-40": -0.5, "40-65": 1.5}}, "not usable"),
        ({"age_weights": {"adults": 1}}, "not readable"),
        ({"age_weights": {"18-40-60": 1}}, "ages are not usable"),
        ({"age_weights": {"18-99": 1}}, "do not speak"),
        ({"age_weights": [(18, 40)]}, "not a mapping"),
    ],
)
def test_refused_at_birth(given, match):
    with pytest.raises(DataError, match=match):
        Demographics(**given)


@pytest.mark.parametrize("z", [np.zeros(4), np.zeros((3, 3)), np.full((1, 4), np.nan)])
def test_scores_that_are_not_four_numbers_are_refused(z):
    with pytest.raises(DataError, match="scores are not usable"):
        Demographics().draw(z)


def test_a_height_without_a_weight_in_bounds_is_named():
    z = np.array([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 4.0, 0.0]])
    narrow = Demographics(age=(5, 5), female=0, weight=(13, 15.6))
    assert len(narrow.draw(z[:1])["WT"]) == 1
    with pytest.raises(DataError, match=r"A male of 5.0 years and 12\d cm has no weight within the bounds"):
        narrow.draw(z)


# ------------------------------------------------------------------------------------------------- the files
def test_data_files_say_where_they_come_from():
    for path in DATA.glob("*.csv"):
        head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        text = "\n".join(head)
        assert "# source:" in text
        assert "# licence:" in text
        assert "https://" in text
    for row in SURVEY.values():
        shown = [float(v) for k, v in row.items() if k[0] == "p" and v]
        assert shown == sorted(shown)
        assert shown[3] < float(row["mean"]) < shown[6]
