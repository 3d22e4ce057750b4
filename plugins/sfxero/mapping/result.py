"""What a transform gives back: documents for the outbox, and a word on every other record."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple, overload

import numpy as np
import pyarrow as pa

from sfxero.model.findings import Finding
from sfxero.model.ids import SourceId

NOT_WON: Final = "not_won"
OUT_OF_SCOPE: Final = "out_of_scope"
"""Rules by which a transform passes a record over: not sold yet, or not the route's."""
LEAD_CONVERTED: Final = "lead_converted"
LEAD_NOT_QUALIFIED: Final = "lead_not_qualified"
"""Rules by which leads are passed over: an account stands for it, or not the route's."""
CONTACT_SHARED: Final = "contact_shared"
"""Another record writes to the contact that this one is linked with, too."""

_BATCH: Final = 4_096


class Document(NamedTuple):
    """The wanted values of one record of the target, as canonical JSON."""

    source_id: SourceId
    payload: str
    content_hash: str
    stamp_at: datetime
    parent_source_id: SourceId | None = None
    meta: Mapping[str, str] = MappingProxyType({})


class Documents(Sequence[Document]):
    """Documents kept as columns and made one by one, so that a million fit in memory."""

    def __init__(
        self,
        source_ids: pa.Array,
        payloads: pa.Array,
        stamps: pa.Array,
        *,
        parents: pa.Array | None = None,
        meta: Mapping[str, pa.Array] | None = None,
    ) -> None:
        """All columns are aligned; a null in a column of `meta` leaves its key out."""
        columns = {"id": source_ids, "payload": payloads, "stamp": stamps}
        if parents is not None:
            columns["parent"] = parents
        self._meta = tuple(meta or ())
        columns |= {f"meta.{name}": column for name, column in (meta or {}).items()}
        self._table = pa.table(columns)

    def __len__(self) -> int:
        """Count the documents."""
        return int(self._table.num_rows)

    def __iter__(self) -> Iterator[Document]:
        """Make each document in order."""
        for batch in self._table.to_batches(max_chunksize=_BATCH):
            yield from self._documents(batch)

    def parents(self) -> list[tuple[SourceId, SourceId | None]]:
        """Return each document's id with that of its parent, without making the documents."""
        ids = self._table["id"].to_pylist()
        if "parent" not in self._table.schema.names:
            return [(one, None) for one in ids]
        return list(zip(ids, self._table["parent"].to_pylist(), strict=True))

    @overload
    def __getitem__(self, index: int) -> Document: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Document]: ...

    def __getitem__(self, index: int | slice) -> Document | Sequence[Document]:
        """Make one document, or a list of some."""
        if isinstance(index, slice):
            places = pa.array(np.arange(len(self))[index])
            rows = self._table.take(places).combine_chunks().to_batches()
            return [one for batch in rows for one in self._documents(batch)]
        place = range(len(self))[index]
        return self[place : place + 1][0]

    def _documents(self, batch: pa.RecordBatch) -> Iterator[Document]:
        ids, payloads = _texts(batch["id"]), _texts(batch["payload"])
        has_parents = "parent" in batch.schema.names
        parents = _texts(batch["parent"]) if has_parents else [None] * len(ids)
        stamps = batch["stamp"].to_numpy(zero_copy_only=False).tolist()
        rows = zip(ids, payloads, map(_digest, payloads, parents), stamps, parents, strict=True)
        for row, meta in zip(rows, self._meta_of(batch), strict=True):
            source_id, payload, digest, stamp, parent = row
            yield Document(source_id, payload, digest, stamp.replace(tzinfo=UTC), parent, meta)

    def _meta_of(self, batch: pa.RecordBatch) -> Iterator[dict[str, str]]:
        columns = [_texts(batch[f"meta.{name}"]) for name in self._meta]
        for values in zip(*columns, strict=True) if columns else [()] * len(batch):
            pairs = zip(self._meta, values, strict=True)
            yield {name: value for name, value in pairs if value is not None}


@dataclass(frozen=True, slots=True)
class TransformResult:
    """Each record is in exactly one of: documents, refusing findings, skipped, removed.

    `skipped` holds (id, rule). Findings that only warn belong to records that are in `documents`.
    """

    documents: Documents
    findings: list[Finding]
    skipped: list[tuple[SourceId, str]]
    removed: list[SourceId]


def _texts(column: pa.Array) -> list[Any]:
    """Return texts, as `to_pylist` does and several times as fast."""
    texts: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
    return texts


def _digest(payload: str, parent: str | None) -> str:
    """Hash the wanted values; the parent counts, though its id in the target is not known yet."""
    digest = hashlib.sha256(payload.encode())
    if parent is not None:
        digest.update(f"\n{parent}".encode())
    return digest.hexdigest()
