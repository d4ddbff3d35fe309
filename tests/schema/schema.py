"""The schemas of results/schema, each as published, and as strict as the program itself is to be."""
import json
import pathlib

import jsonschema

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "results/schema"
OPEN = "may be added"  # $comment of what stands for words that a later version may know


def parse(text):
    """JSON without what parsers read differently: keys that are there twice, NaN, bytes that are no UTF-8."""

    def once(pairs):
        keys = dict(pairs)
        if len(keys) < len(pairs):
            raise ValueError("a key is there twice")
        return keys

    def refuse(word):
        raise ValueError(f"{word} is no JSON")

    return json.loads(text.decode(), object_pairs_hook=once, parse_constant=refuse)


class Schema:
    """`published` is the schema as readers get it. `closed` is a copy that refuses the keys and words which it does
    not name: readers are to pass over them, but the program writes none that is not described."""

    def __init__(self, name):
        path = SCHEMAS / name
        self.schema = parse(path.read_bytes())
        resolver = jsonschema.RefResolver(path.as_uri(), self.schema)
        self.published = jsonschema.Draft202012Validator(self.schema, resolver=resolver)
        self.closed = jsonschema.Draft202012Validator(closed(inlined(self.schema, name)))


def inlined(schema, home):
    """A copy without references: old validators lose their way between files under unevaluatedProperties."""
    if isinstance(schema, list):
        return [inlined(item, home) for item in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: inlined(value, home) for key, value in schema.items() if key not in ("$ref", "$defs")}
    if "$ref" in schema:
        name, pointer = schema["$ref"].split("#")
        target = parse((SCHEMAS / (name or home)).read_bytes())
        for step in pointer.split("/")[1:]:
            target = target[step]
        copy["allOf"] = [inlined(target, name or home), *copy.get("allOf", [])]
    return copy


def describes_object(schema):
    return isinstance(schema, dict) and ("object" in schema.get("type", ()) or
                                         any(describes_object(part) for part in schema.get("allOf", ())))


def closed(schema, whole=True):
    """whole: all that is said of a value. Parts stay open: keys that another part names are not theirs to refuse."""
    if not isinstance(schema, dict):
        return schema
    copy = dict(schema)
    if "properties" in copy:
        copy["properties"] = {key: closed(value) for key, value in copy["properties"].items()}
    if "items" in copy:
        copy["items"] = closed(copy["items"])
    for key in {"allOf", "anyOf"} & copy.keys():
        copy[key] = [closed(part, False) for part in copy[key] if part.get("$comment") != OPEN]
    for key in {"if", "then", "else"} & copy.keys():
        copy[key] = closed(copy[key], False)
    if whole and describes_object(copy):
        copy["unevaluatedProperties"] = False
    return copy
