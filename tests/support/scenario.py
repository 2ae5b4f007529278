"""The text format of tests/scenarios/*.scenario: reading it, laying out its tables, showing a difference.

The format itself is described in tests/scenarios/README.md.
"""

import dataclasses
import difflib
import json
import re

# What a section may be called, and whether its body is told by the program (and compared) or written by the author.
GIVEN = ("tidemark.yaml", "job", "file", "copy", "sqlite", "duckdb", "move", "remove", "touch")
OBSERVED = ("run", "plan", "validate", "table", "query", "quarantine", "ledger", "events")


class ScenarioError(Exception):
    """The file does not follow the format."""


@dataclasses.dataclass
class Section:
    line: int
    kind: str
    rest: str
    body: list

    @property
    def words(self):
        return self.rest.split()

    @property
    def text(self):
        return "".join(line + "\n" for line in trimmed(self.body))


@dataclasses.dataclass
class Scenario:
    name: str
    sections: list  # the first holds what stands before every heading; its kind is ""


def trimmed(lines):
    end = len(lines)
    while end > 0 and not lines[end - 1].strip():
        end -= 1
    return lines[:end]


def parse(name, text):
    sections = [Section(0, "", "", [])]
    for number, line in enumerate(text.splitlines(), 1):
        heading = re.fullmatch(r"== (\S+) ?(.*)", line)
        if line.startswith("=== "):
            sections.append(Section(number, "===", line[4:].strip(), []))
        elif heading:
            kind, rest = heading.groups()
            if kind not in GIVEN + OBSERVED:
                near = difflib.get_close_matches(kind, GIVEN + OBSERVED, 1)
                hint = f"; did you mean `== {near[0]}`?" if near else f"; it is one of {', '.join(GIVEN + OBSERVED)}"
                raise ScenarioError(f"{name}:{number}: there is no section `{kind}`{hint}")
            sections.append(Section(number, kind, rest.strip(), []))
        else:
            sections[-1].body.append(line)
    return Scenario(name, sections)


def is_table(section):
    return section.kind in ("table", "query", "quarantine", "ledger", "events")


def cells_of(line):
    """Cells of a table's line. A cell that begins with a quote is a JSON text and may hold a bar."""
    cells, at = [], 0
    decoder = json.JSONDecoder()
    while True:
        while at < len(line) and line[at] == " ":
            at += 1
        if at < len(line) and line[at] == '"':
            try:
                _, end = decoder.raw_decode(line, at)
            except ValueError:
                end = len(line)
            bar = line.find("|", end)
        else:
            bar = line.find("|", at)
        end = len(line) if bar < 0 else bar
        cells.append(line[at:end].rstrip())
        if bar < 0:
            return cells
        at = bar + 1


def cell(value):
    """How a value stands in a table. Text that could be mistaken for something else is written as JSON."""
    if value is None:
        return "NULL"
    plain = value and value == value.strip() and value != "NULL" and value[0] != '"' and "|" not in value
    if plain and value.isprintable():
        return value
    return json.dumps(value, ensure_ascii=False)


def aligned(lines):
    """The lines of a table with their bars below each other; lines without bars stay as they are."""
    lines = [line.rstrip() for line in trimmed(lines)]
    rows = [cells_of(line) if "|" in line else None for line in lines]
    widths = {}
    for row in rows:
        for at, text in enumerate(row or []):
            widths[at] = max(widths.get(at, 0), len(text))
    return [line if row is None else " | ".join(text.ljust(widths[at]) for at, text in enumerate(row)).rstrip()
            for line, row in zip(lines, rows)]


def render(scenario, bodies):
    """The file again, with `bodies` (section index -> lines) in place of what the observed sections said."""
    lines = []
    for index, section in enumerate(scenario.sections):
        if section.kind == "===":
            lines.append(f"=== {section.rest}")
        elif section.kind:
            lines.append(f"== {section.kind} {section.rest}".rstrip())
        body = bodies.get(index)
        if body is None:
            lines += section.body
        else:
            blank = len(section.body) - len(trimmed(section.body))
            lines += body + [""] * (blank or (1 if index + 1 < len(scenario.sections) else 0))
    return "\n".join(trimmed(lines)) + "\n"


def difference(scenario, section, expected, found):
    """The lines that differ, with the section they belong to."""
    where = f"tests/scenarios/{scenario.name}.scenario:{section.line}: == {section.kind} {section.rest}"
    lines = [where.rstrip()]
    for line in list(difflib.unified_diff(expected, found, "expected", "found", lineterm="", n=2))[2:]:
        if not line.startswith("@@"):
            lines.append("    " + line)
    return "\n".join(lines)
