"""Checks a JSON document against a JSON Schema (2020-12), as far as docs/reference/schemas/ uses it.

A keyword this file does not know is an error, so that no rule of a schema is passed over in silence.
"""

import re

TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}
# They say something to people or editors and nothing of the document.
REMARKS = {"$schema", "title", "description", "default", "deprecated"}


def faults(document, schema, at="$"):
    """What is wrong with the document, one line each, with the path; empty when it conforms."""
    found = []
    for keyword, wanted in schema.items():
        if keyword in REMARKS:
            continue
        if keyword not in KEYWORDS:
            raise ValueError(f"the schema says `{keyword}`, which this check does not know")
        found += KEYWORDS[keyword](document, wanted, schema, at)
    return found


def check_type(document, wanted, _, at):
    names = wanted if isinstance(wanted, list) else [wanted]
    if any(TYPES[name](document) for name in names):
        return []
    return [f"{at}: {document!r:.60} is not {' or '.join(names)}"]


def check_enum(document, wanted, _, at):
    return [] if document in wanted else [f"{at}: {document!r:.60} is none of {wanted}"]


def check_properties(document, wanted, _, at):
    if not isinstance(document, dict):
        return []
    return [fault for name, schema in wanted.items() if name in document
            for fault in faults(document[name], schema, f"{at}.{name}")]


def check_required(document, wanted, _, at):
    if not isinstance(document, dict):
        return []
    return [f"{at}: `{name}` is missing" for name in wanted if name not in document]


def check_additional(document, wanted, schema, at):
    if not isinstance(document, dict):
        return []
    others = [name for name in document if name not in schema.get("properties", {})]
    if wanted is False:
        return [f"{at}: `{name}` is not in the schema" for name in others]
    return [fault for name in others for fault in faults(document[name], wanted, f"{at}.{name}")]


def check_items(document, wanted, _, at):
    if not isinstance(document, list):
        return []
    return [fault for index, item in enumerate(document) for fault in faults(item, wanted, f"{at}[{index}]")]


def check_any_of(document, wanted, _, at):
    attempts = [faults(document, schema, at) for schema in wanted]
    return [] if any(not attempt for attempt in attempts) else min(attempts, key=len)


def check_pattern(document, wanted, _, at):
    if not isinstance(document, str) or re.search(wanted, document):
        return []
    return [f"{at}: {document!r:.60} does not look like {wanted}"]


def bound(is_outside, words):
    def check(document, wanted, _, at):
        size = document if TYPES["number"](document) else len(document) if isinstance(document, (list, dict)) else None
        return [f"{at}: {words} {wanted}"] if size is not None and is_outside(size, wanted) else []
    return check


KEYWORDS = {
    "type": check_type,
    "enum": check_enum,
    "properties": check_properties,
    "required": check_required,
    "additionalProperties": check_additional,
    "items": check_items,
    "anyOf": check_any_of,
    "pattern": check_pattern,
    "minimum": bound(lambda size, limit: size < limit, "less than"),
    "maximum": bound(lambda size, limit: size > limit, "more than"),
    "minItems": bound(lambda size, limit: size < limit, "fewer than"),
    "minProperties": bound(lambda size, limit: size < limit, "fewer than"),
    "maxProperties": bound(lambda size, limit: size > limit, "more than"),
}


def schema_faults(schema, at="$"):
    """Whether every keyword of a schema, all the way down, is one that `faults` knows."""
    found = [f"{at}: unknown keyword `{name}`" for name in schema if name not in KEYWORDS and name not in REMARKS]
    inside = list(schema.get("properties", {}).items()) + list(enumerate(schema.get("anyOf", [])))
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            inside.append((keyword, schema[keyword]))
    for name, part in inside:
        found += schema_faults(part, f"{at}.{name}")
    return found
