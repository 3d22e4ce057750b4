"""Names for a whole window of accounts, stable from run to run and free of clashes."""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sfxero.mapping.names import name_key, still_fits, suffixed_names


@dataclass(frozen=True, slots=True)
class Naming:
    """One account that needs a name; `base` comes from `base_name` and is not empty."""

    source_id: str
    base: str
    account_number: str | None


def unique_names(
    accounts: Sequence[Naming], *, owners: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str]:
    """Return the name of each account by id; an account that no name is left for is missing.

    `owners` says by name key which record holds a name: an account's id, or whatever else for a
    contact that is not ours. `own` holds the names that accounts were given earlier. The order of
    `accounts` does not matter.
    """
    taken = dict(owners)
    named: dict[str, str] = {}
    newcomers: list[Naming] = []
    for account in sorted(accounts, key=lambda one: one.source_id):
        name = own.get(account.source_id)
        numbers = (account.base, account.account_number, account.source_id)
        if name and still_fits(name, *numbers) and _claim(name, account.source_id, taken):
            named[account.source_id] = name
        else:
            newcomers.append(account)
    clashing = [one for one in newcomers if not _take(one.base, one, taken=taken, named=named)]
    shared = _shared_numbers(accounts)
    for account in clashing:
        wanted = (*_held(account, owners), *_free_to_try(account, shared))
        any(_take(name, account, taken=taken, named=named) for name in wanted)
    return named


def _held(account: Naming, owners: Mapping[str, str]) -> list[str]:
    """Return the names with a suffix that are the account's already, though not its last ones.

    A run over the past may have read it by a former name since; and another account may have got
    its number, which it did not share when the suffix was chosen.
    """
    names = suffixed_names(account.base, account.account_number, account.source_id)
    return [one for one in names if owners.get(name_key(one)) == account.source_id]


def _free_to_try(account: Naming, shared: Container[str | None]) -> Iterator[str]:
    number = account.account_number
    return suffixed_names(account.base, None if number in shared else number, account.source_id)


def _take(name: str, account: Naming, *, taken: dict[str, str], named: dict[str, str]) -> bool:
    if not _claim(name, account.source_id, taken):
        return False
    named[account.source_id] = name
    return True


def _claim(name: str, source_id: str, taken: dict[str, str]) -> bool:
    """Take a name unless another record holds its key."""
    return taken.setdefault(name_key(name), source_id) == source_id


def _shared_numbers(accounts: Sequence[Naming]) -> set[str | None]:
    counts = Counter(one.account_number for one in accounts)
    return {number for number, count in counts.items() if count > 1}
