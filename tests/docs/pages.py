"""The pages of the documentation, and what is quoted in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDES = (
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{one.name}" for one in (ROOT / "docs").glob("*.md")),
)
PAGES = (
    *GUIDES,
    "CHANGELOG.md",
    *(f"docs/adr/{one.name}" for one in (ROOT / "docs/adr").glob("*.md")),
)


def read(page: str) -> str:
    """Return a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return the page's code blocks of a language, lines that end in a backslash joined."""
    # Every block is matched, so that the end of one is never taken for the beginning of another.
    found = re.findall(r"^```(\w*)\n(.*?)^```$", read(page), flags=re.MULTILINE | re.DOTALL)
    return [text.replace("\\\n", " ") for name, text in found if name == language]


def spans(text: str) -> list[str]:
    """Return what stands between single backticks, code blocks left out."""
    return re.findall(
        r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    )


def section(page: str, heading: str) -> str:
    """Return what stands under a heading, up to the next of its level or above."""
    level = heading.split(" ", maxsplit=1)[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)",
        read(page),
        flags=re.MULTILINE | re.DOTALL,
    )
    assert found, f"{page} has no section {heading!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables' rows, heads left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    rules = {place for place, line in enumerate(lines) if set(line) <= set("|- ")}
    return [row for place, row in enumerate(cells) if not {place, place + 1} & rules]


def keys(text: str) -> list[str]:
    """Return the code of the first column of each row; one row may name several."""
    return [name for row in rows(text) for name in spans(row[0])]


def commands(page: str) -> list[str]:
    """Return what the page tells a reader to type, cut at pipes and `&&`; comments are dropped."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    quoted = [one for one in spans(read(page)) if one.startswith(("make ", "sfxero ", "airflow "))]
    typed = [re.sub(r"\s+#.*", "", line).strip() for line in lines]
    parts = (part for line in (*typed, *quoted) for part in re.split(r"&&|[|;]", line))
    return [re.sub(r"\s*[<>].*", "", part).strip() for part in parts if part.strip()]
