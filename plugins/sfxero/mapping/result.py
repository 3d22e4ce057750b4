"""What a transform gives back: documents for the outbox, and a word on every other record."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, overload

import numpy as np
import pyarrow as pa

from sfxero.model.findings import Finding
from sfxero.model.ids import SourceId

NOT_WON: Final = "not_won"
OUT_OF_SCOPE: Final = "out_of_scope"
"""Rules by which a transform passes a record over: not sold yet, or not the route's."""

_BATCH: Final = 4_096


@dataclass(frozen=True, slots=True)
class Document:
    """The wanted values of one record of the target, as canonical JSON."""

    source_id: SourceId
    payload: str
    content_hash: str
    stamp_at: datetime
    parent_source_id: SourceId | None = None
    meta: Mapping[str, str] = field(default_factory=dict)


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
            yield from map(self._document, batch.to_pylist())

    @overload
    def __getitem__(self, index: int) -> Document: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Document]: ...

    def __getitem__(self, index: int | slice) -> Document | Sequence[Document]:
        """Make one document, or a list of some."""
        if isinstance(index, slice):
            places = pa.array(np.arange(len(self))[index])
            return [self._document(row) for row in self._table.take(places).to_pylist()]
        place = range(len(self))[index]
        return self._document(self._table.slice(place, 1).to_pylist()[0])

    def _document(self, row: dict[str, Any]) -> Document:
        meta = {name: row[f"meta.{name}"] for name in self._meta}
        return Document(
            source_id=row["id"],
            payload=row["payload"],
            content_hash=_digest(row["payload"], row.get("parent")),
            stamp_at=row["stamp"].replace(tzinfo=UTC),
            parent_source_id=row.get("parent"),
            meta={name: value for name, value in meta.items() if value is not None},
        )


@dataclass(frozen=True, slots=True)
class TransformResult:
    """Each record is in exactly one of: documents, refusing findings, skipped, removed.

    `skipped` holds (id, rule). Findings that only warn belong to records that are in `documents`.
    """

    documents: Documents
    findings: list[Finding]
    skipped: list[tuple[SourceId, str]]
    removed: list[SourceId]


def _digest(payload: str, parent: str | None) -> str:
    """Hash the wanted values; the parent counts, though its id in the target is not known yet."""
    digest = hashlib.sha256(payload.encode())
    if parent is not None:
        digest.update(f"\n{parent}".encode())
    return digest.hexdigest()
