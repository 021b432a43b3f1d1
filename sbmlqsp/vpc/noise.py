"""Residual errors of simulated measurements, each subject's from streams of his own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.observation import ErrorModel, Observable
from sbmlqsp.prediction import Predictor
from sbmlqsp.streams import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Noise", "errors_of"]


def errors_of(observables: Sequence[Observable], asked: Any, errors: Any) -> tuple[ErrorModel | None, ...]:
    """Return the residual error of each observable; ``asked`` is what the user called them.

    Raises
    ------
    DataError
        An error is none, is given for no observable, or one is lacking.
    """
    keys = list(asked) if isinstance(asked, Mapping) else [None]
    if isinstance(errors, Mapping) != isinstance(asked, Mapping) and errors is not None:
        expected = f"by observable: errors={{{keys[0]!r}: ErrorModel(…), …}}" if keys[0] else "errors=ErrorModel(…)"
        raise DataError("errors is not given as the observables are", value=errors, expected=expected)
    given = dict(errors) if isinstance(errors, Mapping) else {} if errors is None else {None: errors}
    for key, error in given.items():
        if key not in keys:
            remedy = did_you_mean(str(key), map(str, keys))
            raise DataError("an error is given for no observable", value=key, where="errors", remedy=remedy)
        if error is not None and not isinstance(error, ErrorModel):
            raise DataError("a residual error is none", value=error, where="errors", expected="ErrorModel(…)")
    for key, observable in zip(keys, observables, strict=True):
        if key not in given and observable.error is None:
            raise DataError(
                f"the observable '{observable.id}' has no residual error, so what is simulated is no measurement",
                remedy="give errors=ErrorModel(…)" if key is None else f"give errors={{{key!r}: ErrorModel(…)}}",
            )
    return tuple(given.get(key, o.error) for key, o in zip(keys, observables, strict=True))


@dataclass(frozen=True)
class Noise:
    """The residual errors of the predicted records.

    Parameters
    ----------
    errors : tuple of ErrorModel or None
        By observable.
    which : ndarray of int
        The observable of each record.
    groups : tuple
        Subject, DVID and places of the records that share a stream.
    seed : int
    """

    errors: tuple[ErrorModel | None, ...]
    which: Any
    groups: tuple[tuple[Any, str, Any], ...]
    seed: int

    @classmethod
    def of(cls, ready: Predictor, errors: tuple[ErrorModel | None, ...], seed: int) -> Noise:
        """Return the errors of what a predictor predicts."""
        table = ready.data.table.iloc[ready.link.outputs]
        places: dict[tuple[Any, str], list[int]] = {}
        for i, (who, what) in enumerate(zip(table["ID"].tolist(), table["DVID"].tolist(), strict=True)):
            places.setdefault((who, str(what)), []).append(i)
        groups = tuple((who, what, np.array(at)) for (who, what), at in places.items())
        return cls(errors, ready.link.which, groups, seed)

    def measured(self, values: NDArray[np.float64], replicate: int) -> NDArray[np.float64]:
        """Return values as they would be measured in one replicate."""
        noise = np.empty(len(values))
        for who, what, at in self.groups:
            drawn = stream(self.seed, f"residual of one {what}", subject=who, replicate=replicate)
            noise[at] = drawn.standard_normal(len(at))
        out = values.copy()
        for i, error in enumerate(self.errors):
            mine = self.which == i
            if error is not None:
                out[mine] = error.measured(values[mine], noise[mine])
        return out
