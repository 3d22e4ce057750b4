"""The `where` and `order` clauses (xero-api, 3.4): a small recursive parser and its evaluation."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from sfxero.sandbox.xero.failures import BadQuery

Value: TypeAlias = str | Decimal | date | datetime | bool | UUID | None
Row: TypeAlias = Callable[[str], Value]
Predicate: TypeAlias = Callable[[Row], bool]
# Field name -> kind of its values.
FieldKinds: TypeAlias = Mapping[str, type]
# Fields that are compared without case and accents, and how to take those away.
Folded: TypeAlias = Mapping[str, Callable[[str], str]]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|"")*")|(?P<number>-?\d+(?:\.\d+)?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    |(?P<mark>==|!=|<=|>=|<|>|&&|\|\||\(|\)|,))""",
    re.VERBOSE,
)
_COMPARE: Mapping[str, Callable[[int], bool]] = {
    "==": lambda sign: sign == 0,
    "!=": lambda sign: sign != 0,
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}
_METHODS: Mapping[str, Callable[[str, str], bool]] = {
    "Contains": lambda text, part: part in text,
    "StartsWith": str.startswith,
    "EndsWith": str.endswith,
}
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a clause."""

    kind: str
    text: str


def parse_where(clause: str, kinds: FieldKinds, *, folded: Folded) -> Predicate:
    """Compile a clause; `folded` names the fields compared without case and accents."""
    parser = _Parser(_tokens(clause), kinds, folded)
    predicate = parser.either(0)
    if parser.peek() is not None:
        raise BadQuery(f"Unexpected '{parser.rest()}' in the where clause.")
    return predicate


def parse_order(clause: str, kinds: FieldKinds) -> list[tuple[str, bool]]:
    """Compile `Field [ASC|DESC], …` into names and whether each runs downwards."""
    orders = []
    for part in clause.split(","):
        words = part.split()
        direction = words[1].upper() if len(words) == 2 else "ASC"
        if not 1 <= len(words) <= 2 or words[0] not in kinds or direction not in {"ASC", "DESC"}:
            raise BadQuery(f"Cannot order by '{part.strip()}'.")
        orders.append((words[0], direction == "DESC"))
    return orders


def _tokens(clause: str) -> list[Token]:
    tokens, at = [], 0
    text = clause.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise BadQuery(f"Syntax error at position {at} of the where clause.")
        tokens.append(Token(found.lastgroup, found[found.lastgroup]))
        at = found.end()
    return tokens


class _Parser:
    """Recursive descent over `OR`, `AND`, comparisons and methods."""

    def __init__(self, tokens: list[Token], kinds: FieldKinds, folded: Folded) -> None:
        self._tokens = tokens
        self._kinds = kinds
        self._folded = folded
        self._at = 0

    def peek(self) -> Token | None:
        """The next token, if any."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def rest(self) -> str:
        """What was not read yet."""
        return " ".join(token.text for token in self._tokens[self._at :])

    def either(self, depth: int) -> Predicate:
        """Terms joined by OR."""
        terms = [self._both(depth)]
        while self._take_word("||", "OR"):
            terms.append(self._both(depth))
        return terms[0] if len(terms) == 1 else lambda row: any(term(row) for term in terms)

    def _both(self, depth: int) -> Predicate:
        terms = [self._term(depth)]
        while self._take_word("&&", "AND"):
            terms.append(self._term(depth))
        return terms[0] if len(terms) == 1 else lambda row: all(term(row) for term in terms)

    def _term(self, depth: int) -> Predicate:
        if depth > _DEEPEST:
            raise BadQuery("The where clause is nested too deeply.")
        if self._take_word("("):
            inner = self.either(depth + 1)
            self._expect(")")
            return inner
        name = self._next("name").text
        owner, _, method = name.rpartition(".")
        if method in _METHODS and owner:
            return self._method(self._field(owner), method)
        return self._comparison(self._field(name))

    def _method(self, field: str, method: str) -> Predicate:
        if self._kinds[field] is not str:
            raise BadQuery(f"{field} has no method {method}.")
        self._expect("(")
        part = _unquoted(self._next("text").text)
        self._expect(")")
        check, fold = _METHODS[method], self._folded.get(field, _same)

        def matches(row: Row) -> bool:
            value = row(field)
            if value is None:  # as documented: guard nulls
                raise BadQuery(f"{field} is null: guard it with {field}!=null.")
            return check(fold(str(value)), fold(part))

        return matches

    def _comparison(self, field: str) -> Predicate:
        operator = self._next("mark").text
        if operator not in _COMPARE:
            raise BadQuery(f"'{operator}' is no comparison.")
        wanted = self._value()
        kind, fold = self._kinds[field], self._folded.get(field, _same)
        _check_fit(field, kind, operator, wanted)
        decide = _COMPARE[operator]

        def matches(row: Row) -> bool:
            value = row(field)
            if value is None or wanted is None:
                equal = value is wanted
                return equal if operator == "==" else operator == "!=" and not equal
            return decide(_sign(value, wanted, fold))

        return matches

    def _value(self) -> Value:
        token = self._next()
        if token.kind == "text":
            return _unquoted(token.text)
        if token.kind == "number":
            return Decimal(token.text)
        word = token.text.lower()
        if word in {"true", "false"}:
            return word == "true"
        if word == "null":
            return None
        if word == "guid":
            return _guid(self._arguments("text")[0])
        if word == "datetime":
            return _moment(self._arguments("number"))
        raise BadQuery(f"'{token.text}' is no value.")

    def _arguments(self, kind: str) -> list[str]:
        self._expect("(")
        found = [self._next(kind).text]
        while self._take_word(","):
            found.append(self._next(kind).text)
        self._expect(")")
        return found

    def _field(self, name: str) -> str:
        if name not in self._kinds:
            raise BadQuery(f"No property or field '{name}' exists.")
        return name

    def _take_word(self, *words: str) -> bool:
        token = self.peek()
        if token is None or token.kind == "text" or token.text.upper() not in words:
            return False
        self._at += 1
        return True

    def _expect(self, mark: str) -> None:
        if not self._take_word(mark):
            raise BadQuery(f"'{mark}' expected in the where clause.")

    def _next(self, kind: str | None = None) -> Token:
        token = self.peek()
        if token is None or (kind is not None and token.kind != kind):
            raise BadQuery("The where clause ends early or has a word out of place.")
        self._at += 1
        return token


def _same(text: str) -> str:
    return text


def _unquoted(text: str) -> str:
    return text[1:-1].replace('""', '"')


def _guid(text: str) -> UUID:
    try:
        return UUID(_unquoted(text))
    except ValueError:
        raise BadQuery("guid() takes an id.") from None


def _moment(numbers: list[str]) -> datetime:
    message = "DateTime() takes year, month, day and perhaps a time."
    if len(numbers) not in {3, 5, 6}:
        raise BadQuery(message)
    try:
        year, month, day, hour, minute, second = map(int, [*numbers, "0", "0", "0"][:6])
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise BadQuery(message) from None


def _check_fit(field: str, kind: type, operator: str, wanted: Value) -> None:
    if wanted is None:
        fits = operator in {"==", "!="}
    elif kind in {date, datetime}:
        fits = isinstance(wanted, datetime)
    elif kind in {bool, UUID}:
        fits = isinstance(wanted, kind) and operator in {"==", "!="}
    else:
        fits = isinstance(wanted, kind) and not isinstance(wanted, bool)
    if not fits:
        raise BadQuery(f"Operator '{operator}' cannot compare {field} with that value.")


def _sign(value: Value, wanted: Value, fold: Callable[[str], str]) -> int:
    """Compare two values of one kind, as `_check_fit` has made sure."""
    if isinstance(value, str):
        left, right = fold(value), fold(str(wanted))
        return (left > right) - (left < right)
    if isinstance(value, Decimal) and isinstance(wanted, Decimal):
        return (value > wanted) - (value < wanted)
    if isinstance(value, date) and isinstance(wanted, datetime):
        moment = _as_moment(value)
        return (moment > wanted) - (moment < wanted)
    return 0 if value == wanted else 1


def _as_moment(value: date) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day, tzinfo=UTC)
