"""Great Expectations over the distinct values of one column, in the forms that it handles well."""

import warnings
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.errors import ConfigurationError
from sfxero.quality.suites import Expectation

_CHUNK_VALUES: Final = 100_000
"""The library hashes and copies the frame that it is given; this bounds what that takes."""


class Library:
    """Great Expectations, imported and opened once for all that a suite checks."""

    def __init__(self) -> None:
        with quiet():
            import great_expectations as gx

            context = gx.get_context(mode="ephemeral")
            context.enable_analytics(False)
            context.variables.progress_bars = {"globally": False}
            asset = context.data_sources.add_pandas("staged").add_dataframe_asset("values")
            self._all_values = asset.add_batch_definition_whole_dataframe("all")
        self._gx: Any = gx

    def build(self, name: str, members: Mapping[int, Expectation]) -> Any:
        """Return expectations of the suite called `name`, by their place in it."""
        gx = self._gx
        rules = [
            {"type": one.type, "kwargs": dict(one.kwargs), "meta": {"number": number}}
            for number, one in members.items()
        ]
        try:
            suite = gx.ExpectationSuite(name=name, expectations=rules)
        except (gx.exceptions.GreatExpectationsError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"expectation suite {name} is not understood ({type(error).__name__}): "
                f"{' '.join(str(error).split())[:300]}"
            ) from None
        # It leaves out what it does not know, with a line in the log only.
        known = {one.meta["number"] for one in suite.expectations}
        unknown = [one.type for number, one in members.items() if number not in known]
        if unknown:
            raise ConfigurationError(
                f"expectation suite {name} is not understood: {', '.join(unknown)}"
            )
        return suite

    def validate(self, frame: pd.DataFrame, suite: Any) -> Any:
        """Return the results of the suite's expectations over a frame."""
        with quiet():
            batch = self._all_values.get_batch(batch_parameters={"dataframe": frame})
            return batch.validate(suite, result_format={"result_format": "COMPLETE"}).results


class ColumnCheck:
    """The expectations of one column that look at the same rows."""

    def __init__(self, library: Library, name: str, members: Mapping[int, Expectation]) -> None:
        """`members` are expectations of the suite called `name`, by their place in it."""
        self._library = library
        self._suite = library.build(name, members)
        self.members = members
        self.column = next(iter(members.values())).column

    def misses(self, values: pa.Array) -> dict[int, np.ndarray | None]:
        """Return for each expectation which values miss it; None if it could not be evaluated.

        Whether a value meets one depends on the value alone, so each is looked at once.
        """
        encoded = pc.dictionary_encode(values, null_encoding="encode")
        bad: dict[int, np.ndarray | None] = {
            number: np.zeros(len(encoded.dictionary), dtype=bool) for number in self.members
        }
        for start in range(0, len(encoded.dictionary), _CHUNK_VALUES):
            found = self._look(encoded.dictionary.slice(start, _CHUNK_VALUES))
            for number, mask in bad.items():
                places = found.get(number)
                if mask is None or places is None:
                    bad[number] = None
                else:
                    mask[start + places] = True
        codes = encoded.indices.to_numpy()
        return {number: None if mask is None else mask[codes] for number, mask in bad.items()}

    def _look(self, values: pa.Array) -> dict[int, np.ndarray]:
        """Return the places of the values that miss each expectation that was evaluated."""
        frame = pd.DataFrame({self.column: _plain(values)})
        found: dict[int, np.ndarray] = {}
        for result in self._library.validate(frame, self._suite):
            rows = [] if result.success else (result.result or {}).get("unexpected_index_list")
            if rows is not None:
                number = result.expectation_config.meta["number"]
                found[number] = np.asarray(rows, dtype=np.int64)
        return found


def _plain(values: pa.Array) -> pd.Series:
    """Return texts as pandas' own, all else as Python objects: either is faster than Arrow's.

    Decimals stay exact, dates stay days, and whole numbers with gaps do not turn into floats.
    """
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return pd.Series(values.to_pandas(), dtype="str")
    objects = values.to_pandas(date_as_object=True, integer_object_nulls=True)
    return pd.Series(objects.to_numpy(dtype=object), dtype=object)


class quiet(warnings.catch_warnings):  # noqa: N801 - a context, as its parent is
    """The library and what it imports warn about their own old calls, not about the rows."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")
