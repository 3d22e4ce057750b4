"""Another name for a contact whose name the target refused."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from sfxero.mapping.names import name_key, suffixed_names
from sfxero.model.ids import SourceId, TenantId
from sfxero.model.outbox import Entry


class NameBook(Protocol):
    """Who holds which name in the target."""

    def owners(self, tenant: TenantId) -> Mapping[str, str]:
        """Return the holder of each name key."""
        ...

    def reserve(
        self, tenant: TenantId, rows: Iterable[tuple[SourceId, str, str]]
    ) -> list[tuple[SourceId, str, str]]:
        """Reserve names; returns the rows that another record holds."""
        ...


class Renaming:
    """Tries the names that the mapping would try next, and reserves the first free one.

    A name that was refused is never tried again for the same entry, so the tries come to an end.
    """

    def __init__(self, names: NameBook) -> None:
        """Share the ledger's names."""
        self._names = names

    def rename(self, entry: Entry, *, refused: str) -> str | None:
        """Return a free name, reserved for the entry's account; None if there is none."""
        owners = self._names.owners(entry.tenant)
        base = entry.meta.get("base_name", refused)
        names = list(suffixed_names(base, entry.meta.get("account_number"), entry.source_id))
        for name in names[names.index(refused) + 1 :] if refused in names else names:
            key = name_key(name)
            is_free = owners.get(key, entry.source_id) == entry.source_id
            wish = (entry.source_id, key, name)
            if is_free and name != refused and not self._names.reserve(entry.tenant, [wish]):
                return name
        return None
