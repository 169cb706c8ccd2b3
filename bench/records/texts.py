"""Columns of texts, most of which hold few: each text once, and which of them each row has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Texts:
    """`values` has each text of a column once, and may have None; `codes` the place in it of each row's."""

    values: Sequence[str | None]
    codes: np.ndarray

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Self:
        """Those of a column of texts, which may be a dictionary."""
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        encoded = encoded.combine_chunks()  # of several dictionaries one
        if isinstance(encoded, pa.ChunkedArray):  # of no chunk
            return cls([None], np.zeros(0, np.int64))
        values = encoded.dictionary.to_pylist()
        codes = np.frombuffer(encoded.indices.buffers()[1], np.int32)
        codes = codes[encoded.indices.offset :][: len(encoded)].astype(np.int64)
        if encoded.null_count:
            codes = np.where(_is_null(encoded.indices), len(values), codes)
        return cls([*values, None], codes)

    def changed(self, change: Callable[[str], str]) -> "Texts":
        """With `change` made to each."""
        return Texts([None if text is None else change(text) for text in self.values], self.codes)

    def column(self, kind: pa.DataType) -> pa.ChunkedArray:
        """A column of them, of texts or of a dictionary of texts."""
        known = [text for text in self.values if text is not None]
        places = np.cumsum([text is not None for text in self.values]) - 1
        missing = np.array([text is None for text in self.values], bool)[self.codes]
        indices = pa.array(places[self.codes].astype(np.int32), mask=missing)
        made = pa.DictionaryArray.from_arrays(indices, pa.array(known, pa.string()))
        return pa.chunked_array([made if pa.types.is_dictionary(kind) else made.cast(kind)])


def _is_null(indices: pa.Array) -> np.ndarray:
    validity, first = indices.buffers()[0], indices.offset
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
    missing: np.ndarray = bits[first : first + len(indices)] == 0
    return missing
