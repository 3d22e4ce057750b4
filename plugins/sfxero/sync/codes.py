"""The codes that a route spells out, held against the organisation that they should be of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sfxero.mapping.organisation import OrganisationFacts
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.uses import CodeKind, CodeUse, code_uses, sold_pairs

_ABSENT: Final = {
    CodeKind.ACCOUNT: "does not exist",
    CodeKind.TAX_TYPE: "does not exist, or is not active",
    CodeKind.ITEM: "does not exist",
    CodeKind.CATEGORY: "does not exist, or is archived",
    CodeKind.OPTION: "does not exist, or is archived",
    CodeKind.THEME: "does not exist",
}


@dataclass(frozen=True, slots=True)
class CodeTrouble:
    """A code that documents cannot carry; `short` names it in a list."""

    use: CodeUse
    short: str
    message: str
    hint: str
    stops_runs: bool = True


def code_troubles(spec: RouteSpec, facts: OrganisationFacts) -> Iterator[CodeTrouble]:
    """Yield what is wrong with each code, wherever the route names it."""
    pairs = sold_pairs(spec)
    for use in code_uses(spec):
        if not _is_known(use, facts):
            yield _absent(use)
        elif use.kind is CodeKind.ACCOUNT and facts.accounts[use.value].status != "ACTIVE":
            yield _archived(use)
        elif use.kind is CodeKind.TAX_TYPE:
            met = sorted(code for code, tax in pairs if tax == use.value)
            clash = next((code for code in met if _clashes(facts, code, use.value)), None)
            if clash is not None:
                yield _not_for_account(use, clash, facts.accounts[clash].class_ or "")


def _clashes(facts: OrganisationFacts, code: str, tax_type: str) -> bool:
    account = facts.accounts.get(code)
    return account is not None and account.class_ in facts.refused_on.get(tax_type, ())


def _is_known(use: CodeUse, facts: OrganisationFacts) -> bool:
    match use.kind:
        case CodeKind.ACCOUNT:
            return use.value in facts.accounts
        case CodeKind.TAX_TYPE:
            return use.value in facts.tax_rates
        case CodeKind.ITEM:
            return use.value in facts.items
        case CodeKind.CATEGORY:
            return use.value in facts.tracking
        case CodeKind.OPTION:
            # Without its category there is no option: that is said once, for the category.
            options = facts.tracking.get(use.category or "")
            return options is None or use.value in options
        case CodeKind.THEME:
            return use.value in facts.branding_themes


def _absent(use: CodeUse) -> CodeTrouble:
    short = f"{use.kind} {use.value}" + (f" of {use.category}" if use.category else "")
    return CodeTrouble(
        use,
        short,
        f"{short} {_ABSENT[use.kind]}",
        f"Add or restore the {use.kind} in Xero, or correct the route file.",
    )


def _archived(use: CodeUse) -> CodeTrouble:
    short = f"{use.kind} {use.value}"
    return CodeTrouble(
        use,
        short,
        f"{short} is archived",
        "Restore the account in Xero, or name another in the route file.",
        stops_runs=False,
    )


def _not_for_account(use: CodeUse, account: str, class_: str) -> CodeTrouble:
    short, of = f"{use.kind} {use.value} on account {account}", class_.lower()
    return CodeTrouble(
        use,
        short,
        f"{use.kind} {use.value} cannot be used on {of} account {account}",
        f"Name a tax type for sales, such as OUTPUT, or let this one apply to {of} in Xero.",
    )
