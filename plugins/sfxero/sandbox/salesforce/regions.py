"""State and country picklists: names and their codes, in orgs that switched them on."""

from sfxero.sandbox.salesforce.coercion import refusal
from sfxero.sandbox.salesforce.records import Record

COUNTRIES = {"AU": "Australia", "NZ": "New Zealand", "US": "United States"}
STATES = {
    "AU": {
        "ACT": "Australian Capital Territory", "NSW": "New South Wales",
        "NT": "Northern Territory", "QLD": "Queensland", "SA": "South Australia",
        "TAS": "Tasmania", "VIC": "Victoria", "WA": "Western Australia",
    },
}  # fmt: skip


def _code_of(names: dict[str, str], given: object) -> str | None:
    text = str(given).casefold()
    return next((code for code, name in names.items() if text in {code.casefold(), name.casefold()}), None)  # fmt: skip # noqa: E501 - one lookup


def with_codes(record: Record, prefix: str) -> Record:
    """Return codes and full names for what an address already says, as the conversion does."""
    country = _code_of(COUNTRIES, record.get(f"{prefix}Country"))
    if country is None and record.get(f"{prefix}State") is not None:
        country = "AU" if _code_of(STATES["AU"], record[f"{prefix}State"]) else None
    if country is None:
        return {}
    found: Record = {f"{prefix}CountryCode": country, f"{prefix}Country": COUNTRIES[country]}
    state = _code_of(STATES.get(country, {}), record.get(f"{prefix}State"))
    if state is not None:
        found |= {f"{prefix}StateCode": state, f"{prefix}State": STATES[country][state]}
    return found


def checked_codes(record: Record, changes: Record, prefix: str) -> Record:
    """Return the changes with code and name in step; refuse what no picklist has."""
    found = dict(changes)
    country = _checked(found, f"{prefix}Country", COUNTRIES, "country")
    if country is None:
        known = found.get(f"{prefix}CountryCode", record.get(f"{prefix}CountryCode"))
        country = str(known) if known else None
    _checked(found, f"{prefix}State", STATES.get(country or "", {}), "state")
    return found


def _checked(changes: Record, name: str, names: dict[str, str], what: str) -> str | None:
    """Bring `name` and its code in step where one of them changes; return the code."""
    code_name = f"{name}Code"
    given_code, given_name = changes.get(code_name), changes.get(name)
    if given_code is None and given_name is None:
        if code_name in changes or name in changes:
            changes |= {code_name: None, name: None}
        return None
    code = str(given_code) if given_code in names else None
    if given_code is None:
        code = _code_of(names, given_name)
    if code is None:
        raise refusal(
            "FIELD_INTEGRITY_EXCEPTION",
            f"There's a problem with this {what}, even though it may appear correct. Please choose "
            f"one of the list of valid ones.: {given_code or given_name}",
            code_name if given_code is not None else name,
        )
    changes |= {code_name: code, name: names[code]}
    return code
