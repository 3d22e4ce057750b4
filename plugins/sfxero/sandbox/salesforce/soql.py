"""A subset of SOQL: text to a query tree, with the refusals of the real parser."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Literal

from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.soql_tree import (
    Both,
    Compare,
    Condition,
    DateLiteral,
    FieldRef,
    LiteralValue,
    Not,
    Operator,
    Order,
    Query,
)

MAX_LENGTH = 100_000


@dataclass(frozen=True, slots=True)
class Token:
    """One word, literal or sign."""

    kind: str
    text: str
    position: int

    def is_word(self, *words: str) -> bool:
        """Return whether this is one of these keywords."""
        return self.kind == "name" and self.text.upper() in words


_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[zZ]|[+-]\d\d:?\d\d))
    |(?P<date>\d{4}-\d\d-\d\d(?![\dT]))
    |(?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w-]))
    |(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?::\d+)?)
    |(?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {
    "n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\",
    "N": "\n", "R": "\r", "T": "\t", "B": "\b", "F": "\f",
}  # fmt: skip
_SIGNS: dict[str, Operator] = {
    "=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip
_DATE_WORDS = frozenset({
    "TODAY", "YESTERDAY", "TOMORROW", "THIS_MONTH", "LAST_MONTH", "NEXT_MONTH", "THIS_YEAR",
    "LAST_YEAR", "NEXT_YEAR", "LAST_N_DAYS", "NEXT_N_DAYS",
})  # fmt: skip
_UNSUPPORTED_CLAUSES = {
    "GROUP": "GROUP BY", "HAVING": "HAVING", "FOR": "FOR VIEW", "WITH": "WITH", "ALL": "ALL ROWS",
    "USING": "USING SCOPE", "UPDATE": "UPDATE TRACKING",
}  # fmt: skip


def point_at(text: str, position: int, message: str) -> str:
    """Return the message under the line it complains about, as Salesforce lays it out."""
    row = text.count("\n", 0, position) + 1
    start = text.rfind("\n", 0, position) + 1
    column = position - start + 1
    line = text[max(start, position - 40) : position + 40].replace("\n", " ")
    caret = " " * min(position - start, 40) + "^"
    return f"\n{line}\n{caret}\nERROR at Row:{row}:Column:{column}\n{message}"


def malformed(message: str) -> ApiFailure:
    """Return the refusal of a text that is no query."""
    return ApiFailure(400, "MALFORMED_QUERY", message)


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            message = f"unexpected token: '{text[place]}'"
            if text[place] == "'":
                message = "line breaks or a missing quote: expecting a right quote"
            raise malformed(point_at(text, place, message))
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), place))
        place = match.end()
    found.append(Token("end", "<EOF>", len(text)))
    return found


def parse(text: str) -> Query:
    """Return the query, or refuse as Salesforce does."""
    if len(text) > MAX_LENGTH:
        raise malformed("SOQL statements cannot be longer than 100000 characters")
    if not text.strip():
        raise malformed("unexpected token: '<EOF>'")
    parser = _Parser(text)
    query = parser.query()
    parser.expect_end()
    return query


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._all = _tokens(text)
        self._at = 0

    @property
    def _token(self) -> Token:
        return self._all[self._at]

    def _next(self) -> Token:
        token = self._token
        self._at += token.kind != "end"
        return token

    def _unexpected(self, token: Token) -> ApiFailure:
        shown = token.text.strip("'")
        return malformed(point_at(self._text, token.position, f"unexpected token: '{shown}'"))

    def _unsupported(self, token: Token, what: str) -> ApiFailure:
        return malformed(point_at(self._text, token.position, f"{what} is not supported here"))

    def _word(self, *words: str) -> bool:
        if not self._token.is_word(*words):
            return False
        self._next()
        return True

    def _sign(self, sign: str) -> bool:
        if self._token.kind != "sign" or self._token.text != sign:
            return False
        self._next()
        return True

    def _need_word(self, word: str) -> None:
        if not self._word(word):
            raise self._unexpected(self._token)

    def _need_sign(self, sign: str) -> None:
        if not self._sign(sign):
            raise self._unexpected(self._token)

    def _need_name(self) -> Token:
        if self._token.kind != "name" or ":" in self._token.text:
            raise self._unexpected(self._token)
        return self._next()

    def expect_end(self) -> None:
        """Refuse whatever follows the last clause."""
        token = self._token
        if token.kind == "end":
            return
        if token.kind == "name" and token.text.upper() in _UNSUPPORTED_CLAUSES:
            raise self._unsupported(token, _UNSUPPORTED_CLAUSES[token.text.upper()])
        raise self._unexpected(token)

    def query(self) -> Query:
        """Parse one SELECT statement."""
        self._need_word("SELECT")
        fields, is_count = self._selection()
        self._need_word("FROM")
        source = self._need_name()
        return Query(
            text=self._text, object_name=source.text, object_position=source.position,
            fields=fields, is_count=is_count,
            where=self._disjunction() if self._word("WHERE") else None,
            order=self._ordering(), limit=self._count("LIMIT"), offset=self._count("OFFSET"),
        )  # fmt: skip

    def _selection(self) -> tuple[tuple[FieldRef, ...], bool]:
        fields = [self._selected()]
        if fields[0] is None:
            return (), True
        while self._sign(","):
            fields.append(self._selected())
        if None in fields:
            raise malformed("COUNT() must be the only element in the SELECT list")
        return tuple(each for each in fields if each is not None), False

    def _selected(self) -> FieldRef | None:
        """Parse one selected field; None stands for COUNT()."""
        token = self._token
        if token.kind == "sign" and token.text == "(":
            raise self._unsupported(token, "A parent-to-child subquery")
        if token.is_word("TYPEOF"):
            raise self._unsupported(token, "TYPEOF")
        self._need_name()
        if not self._sign("("):
            return FieldRef(tuple(token.text.split(".")), token.position)
        if token.is_word("COUNT") and self._sign(")"):
            return None
        raise self._unsupported(token, f"The function {token.text}()")

    def _ordering(self) -> tuple[Order, ...]:
        if not self._word("ORDER"):
            return ()
        self._need_word("BY")
        terms = [self._order_term()]
        while self._sign(","):
            terms.append(self._order_term())
        return tuple(terms)

    def _order_term(self) -> Order:
        name = self._need_name()
        descending = self._word("DESC")
        if not descending:
            self._word("ASC")
        nulls_last = False
        if self._word("NULLS"):
            nulls_last = self._word("LAST")
            if not nulls_last:
                self._need_word("FIRST")
        return Order(FieldRef(tuple(name.text.split(".")), name.position), descending, nulls_last)

    def _count(self, word: str) -> int | None:
        if not self._word(word):
            return None
        token = self._next()
        if token.kind != "number" or not token.text.isdigit():
            raise self._unexpected(token)
        return int(token.text)

    def _disjunction(self) -> Condition:
        """Parse conditions; AND and OR may only be mixed with parentheses."""
        parts = [self._negation()]
        joint: Literal["AND", "OR"] | None = None
        while self._token.is_word("AND", "OR"):
            word: Literal["AND", "OR"] = "AND" if self._token.is_word("AND") else "OR"
            if joint not in {None, word}:
                raise self._unexpected(self._token)
            joint = word
            self._next()
            parts.append(self._negation())
        return parts[0] if joint is None else Both(joint, tuple(parts))

    def _negation(self) -> Condition:
        if self._word("NOT"):
            return Not(self._negation())
        if self._sign("("):
            inner = self._disjunction()
            self._need_sign(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Compare:
        name = self._need_name()
        if self._token.kind == "sign" and self._token.text == "(":
            raise self._unsupported(name, f"The function {name.text}() in WHERE")
        ref = FieldRef(tuple(name.text.split(".")), name.position)
        operator = self._operator()
        if operator in {"IN", "NOT IN"}:
            return Compare(ref, operator, self._members())
        return Compare(ref, operator, self._literal())

    def _operator(self) -> Operator:
        token = self._next()
        if token.is_word("LIKE"):
            return "LIKE"
        if token.is_word("IN"):
            return "IN"
        if token.is_word("NOT"):
            self._need_word("IN")
            return "NOT IN"
        sign = _SIGNS.get(token.text)
        if sign is None:
            raise self._unexpected(token)
        return sign

    def _members(self) -> "tuple[LiteralValue, ...] | Query":
        self._need_sign("(")
        if self._token.is_word("SELECT"):
            inner = self.query()
            self._need_sign(")")
            return inner
        values = [self._literal()]
        while self._sign(","):
            values.append(self._literal())
        self._need_sign(")")
        return tuple(values)

    def _literal(self) -> LiteralValue:
        token = self._next()
        at = token.position
        match token.kind:
            case "string":
                return LiteralValue(self._unescape(token), at)
            case "number":
                return LiteralValue(Decimal(token.text), at)
            case "date" | "datetime":
                return LiteralValue(self._moment(token), at)
            case "name":
                return LiteralValue(self._named(token), at)
        raise self._unexpected(token)

    def _named(self, token: Token) -> bool | DateLiteral | None:
        word, _, count = token.text.upper().partition(":")
        if not count and word in {"NULL", "TRUE", "FALSE"}:
            return None if word == "NULL" else word == "TRUE"
        if word in _DATE_WORDS and ("_N_" in word) == bool(count):
            return DateLiteral(word, int(count) if count else None)
        raise self._unexpected(token)

    def _unescape(self, token: Token) -> str:
        def replace(match: re.Match[str]) -> str:
            letter = match.group(1)
            if letter in {"%", "_"}:  # kept for LIKE, where they stand for themselves
                return match.group()
            if letter not in _ESCAPES:
                message = f"Illegal string literal: Invalid string literal '\\{letter}'"
                raise malformed(point_at(self._text, token.position, message))
            return _ESCAPES[letter]

        return re.sub(r"\\(.)", replace, token.text[1:-1], flags=re.DOTALL)

    def _moment(self, token: Token) -> date | datetime:
        try:
            if token.kind == "date":
                return date.fromisoformat(token.text)
            return _read_datetime(token.text)
        except ValueError:
            message = f"{token.text} is not a valid {token.kind}"
            raise malformed(point_at(self._text, token.position, message)) from None


def _read_datetime(text: str) -> datetime:
    """Return the moment; the zone is Z or an offset with or without a colon."""
    stamp, zone = re.fullmatch(r"(.{19})(?:\.\d+)?(.+)", text).groups()  # type: ignore[union-attr] # the token's pattern matched
    fraction = re.search(r"\.(\d+)", text)
    micros = int(fraction.group(1)[:6].ljust(6, "0")) if fraction else 0
    offset = timedelta(0)
    if zone.upper() != "Z":
        digits = zone[1:].replace(":", "")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        offset = -offset if zone[0] == "-" else offset
    local = datetime.fromisoformat(stamp).replace(microsecond=micros, tzinfo=timezone(offset))
    return local.astimezone(UTC)
