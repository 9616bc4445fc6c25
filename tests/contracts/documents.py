"""The services' API documents as JSON Schema, closed: a member that no document names is an error.

Both dialects are read, OpenAPI 2.0 (ARM, Log Analytics, Logs Ingestion) and 3.0 (Graph). Inheritance is
flattened, so that an unknown member is told by name, and a base type with a discriminator is judged by the
type that the discriminator names.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from contracts.formats import FORMATS

type Json = dict[str, Any]

METHODS = ("get", "put", "post", "patch", "delete")
_KEPT = (
    *("type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum"),
    *("minItems", "maxItems", "uniqueItems", "required"),
)
# ARM documents plain texts where the service answers null for an incident that nobody owns.
_NULL_IN_FACT = {"IncidentOwnerInfo"}
# Rules of kinds that only preview versions document are listed too.
_OPEN_IN_FACT = {"AlertRuleKind", "AlertRuleKindEnum"}
# Graph's document calls it "innererror"; the service, and its page about errors, write "innerError".
_MORE_IN_FACT = {"microsoft.graph.ODataErrors.MainError": {"innerError": {"type": "object"}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation: `parameters` are resolved, `path` is the pattern of the whole path with its groups.

    Of a `paged` one the service's own links to a next page may bear a token that is not documented.
    """

    contract: str
    method: str
    template: str
    path: re.Pattern[str]
    parameters: tuple[Json, ...]
    body: Json | None
    body_required: bool
    responses: Mapping[str, Json | None]
    version: str
    paged: bool

    def answer_schema(self, status: int) -> tuple[bool, Json | None]:
        """Whether the document names the status, and the schema of its body (None: no body)."""
        keys = (str(status), f"{status // 100}XX", *(("default",) if status >= 400 else ()))
        found = next((key for key in keys if key in self.responses), None)
        return (False, None) if found is None else (True, self.responses[found])


class Document:
    """One API document; `root` stands before its paths."""

    def __init__(self, path: Path, *, root: str) -> None:
        self.name = path.name
        self._root = root
        self._raw: Json = json.loads(path.read_text(encoding="utf-8"))
        self._types: Json = self._raw.get("definitions") or self._raw["components"]["schemas"]

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation."""
        return tuple(
            self._operation(method, template, members)
            for template, members in self._raw["paths"].items()
            for method in METHODS
            if method in members
        )

    @cached_property
    def words(self) -> frozenset[str]:
        """Every value of an enumeration."""
        return frozenset(_enumerated(self._raw))

    def validator(self, schema: Json, *, sent: bool) -> Draft202012Validator:
        """A check of a body; one that is sent may not bear what only the service writes."""
        pointer = "urn:sent" if sent else "urn:answered"
        converted = self._closed(schema, sent=sent)
        return Draft202012Validator(
            _absolute(converted, pointer), registry=self._registry, format_checker=FORMATS
        )

    @cached_property
    def _registry(self) -> Registry[Any]:
        registry: Registry[Any] = Registry()
        for urn, sent in (("urn:sent", True), ("urn:answered", False)):
            types = {name: self._named(name, sent=sent) for name in self._types}
            resource = Resource.from_contents({"$defs": types}, default_specification=DRAFT202012)
            registry = registry.with_resource(urn, resource)
        return registry.crawl()

    def properties(self, schema: Json) -> frozenset[str]:
        """Names of the members of an object, or of the objects of a list's `value`, of any derived type."""
        flat = self._flat(schema)
        members = flat.get("properties", {})
        items = self._flat(members.get("value", {})).get("items")
        heirs = self._heirs(schema["$ref"].rpartition("/")[2]).values() if "$ref" in schema else ()
        derived = (self.properties({"$ref": self._pointer(heir)}) for heir in heirs)
        return self.properties(items) if items else frozenset(members).union(*derived)

    def _pointer(self, name: str) -> str:
        return f"#/components/schemas/{name}" if "openapi" in self._raw else f"#/definitions/{name}"

    def navigation(self, schema: Json) -> frozenset[str]:
        """Members that are relations, cut out of the document but named in it."""
        flat = self._flat(schema)
        items = self._flat(flat.get("properties", {}).get("value", {})).get("items")
        return self.navigation(items) if items else frozenset(flat.get("navigation", ()))

    def _operation(self, method: str, template: str, members: Json) -> Operation:
        operation = members[method]
        given = [*members.get("parameters", ()), *operation.get("parameters", ())]
        parameters = tuple(self._parameter(one) for one in given)
        body = next((one for one in parameters if one["in"] == "body"), None) or operation.get("requestBody")
        responses = {str(status): self._answer(one) for status, one in operation["responses"].items()}
        return Operation(
            contract=self.name,
            method=method.upper(),
            template=template,
            path=_path_pattern(self._root + template),
            parameters=tuple(one for one in parameters if one["in"] != "body"),
            body=None if body is None else _content(body),
            body_required=bool(body and body.get("required")),
            responses=responses,
            version=self._raw["info"]["version"],
            paged="x-ms-pageable" in operation,
        )

    def _parameter(self, given: Json) -> Json:
        found = self._resolved(given)
        return found if found["in"] == "body" else found | {"schema": found.get("schema", found)}

    def _answer(self, given: Json) -> Json | None:
        return _content(self._resolved(given))

    def _resolved(self, given: Json) -> Json:
        while "$ref" in given:
            place: Any = self._raw
            for step in given["$ref"].removeprefix("#/").split("/"):
                place = place[step.replace("~1", "/").replace("~0", "~")]
            given = place
        return given

    def _flat(self, schema: Json) -> Json:
        """The schema with what it inherits: properties, required members, relations, the discriminator."""
        schema = self._resolved(schema)
        bases = [self._flat(base) for base in schema.get("allOf", ())]
        flat = {
            key: schema[key] for key in (*_KEPT, "items", "anyOf", "additionalProperties") if key in schema
        }
        relations = {name: {} for name in schema.get("x-cut-navigation-properties", ())}
        for name, own in (("properties", schema.get("properties", {})), ("navigation", relations)):
            flat[name] = {key: value for base in bases for key, value in base[name].items()} | own
        flat["required"] = sorted({*schema.get("required", ()), *(r for b in bases for r in b["required"])})
        return flat

    def _named(self, name: str, *, sent: bool) -> Json:
        own = self._closed(self._types[name], sent=sent)
        if name in _OPEN_IN_FACT and not sent:
            own.pop("enum")
        if name in _MORE_IN_FACT:
            own["properties"] |= _MORE_IN_FACT[name]
        if name in _NULL_IN_FACT:
            for member in own["properties"].values():
                member["type"] = [member["type"], "null"]
                member.update({"enum": [*member["enum"], None]} if "enum" in member else {})
        heirs = self._heirs(name)
        if not heirs:
            return own
        key = self._types[name].get("discriminator", "@odata.type")
        chosen = [
            {"if": {"required": [key], "properties": {key: {"const": value}}}, "then": _reference(heir)}
            for value, heir in heirs.items()
        ]
        # What bears no known kind (the documents leave kinds out) is judged by what all have in common.
        other = {"not": {"required": [key], "properties": {key: {"enum": list(heirs)}}}}
        rest = own | {"additionalProperties": True} if "discriminator" in self._types[name] else own
        return {"allOf": [*chosen, {"if": other, "then": rest}]}

    def _heirs(self, name: str) -> dict[str, str]:
        """Type by the value that the discriminator has for it."""
        heirs: dict[str, str] = {}
        for heir, schema in self._types.items():
            bases = [base.get("$ref", "").rpartition("/")[2] for base in schema.get("allOf", ())]
            if name in bases:
                is_graph = "openapi" in self._raw
                heirs[schema.get("x-ms-discriminator-value") or (f"#{heir}" if is_graph else heir)] = heir
        has_kind = "discriminator" in self._types[name] or "openapi" in self._raw
        return heirs if has_kind else {}

    def _closed(self, schema: Json, *, sent: bool) -> Json:
        if "$ref" in schema:
            return _reference(schema["$ref"].rpartition("/")[2])
        flat = self._flat(schema)
        made = {key: flat[key] for key in _KEPT if key in flat}
        if "items" in flat:
            made["items"] = self._closed(flat["items"], sent=sent)
        if "anyOf" in flat:
            made["anyOf"] = [self._closed(one, sent=sent) for one in flat["anyOf"]]
        if flat["properties"]:
            made |= self._members(flat, sent=sent)
        elif isinstance(flat.get("additionalProperties"), dict):
            made["additionalProperties"] = self._closed(flat["additionalProperties"], sent=sent)
        return _with_null(made) if schema.get("nullable") or schema.get("x-nullable") else made

    def _members(self, flat: Json, *, sent: bool) -> Json:
        known = {
            name: self._closed(member, sent=sent)
            for name, member in flat["properties"].items()
            if not (sent and self._read_only(member))
        }
        more = flat.get("additionalProperties")
        made = {
            "properties": known | flat["navigation"],
            "required": [name for name in flat["required"] if name in known],
            # An open type of Graph is open for directory extensions, which nobody here uses.
            "additionalProperties": self._closed(more, sent=sent) if isinstance(more, dict) else False,
        }
        # OData writes its notes beside the members.
        return made | ({"patternProperties": {"@odata[.]": {}}} if "openapi" in self._raw else {})

    def _read_only(self, member: Json) -> bool:
        return bool(member.get("readOnly") or self._resolved(member).get("readOnly"))


def _reference(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}


def _absolute(schema: Any, urn: str) -> Any:
    if isinstance(schema, list):
        return [_absolute(one, urn) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: urn + value if key == "$ref" else _absolute(value, urn) for key, value in schema.items()}


def _with_null(schema: Json) -> Json:
    if schema.get("type") == "object" and not schema.get("properties"):
        # "This type or null" is written as "this type or any object, nullable".
        return {"type": "null"}
    made = dict(schema)
    if isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if "enum" in made and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    return made


def _content(holder: Json) -> Json | None:
    if "content" in holder:
        found: Json | None = holder["content"]["application/json"]["schema"]
        return found
    return holder.get("schema")


def _path_pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{([\w-]+)\}", template)
    text = "".join(
        f"(?P<{part.replace('-', '_')}>[^/]+)" if place % 2 else re.escape(part)
        for place, part in enumerate(parts)
    )
    return re.compile(text, re.IGNORECASE)


def _enumerated(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for one in schema:
            yield from _enumerated(one)
    elif isinstance(schema, dict):
        values = schema.get("enum")
        yield from (
            (value for value in values or () if isinstance(value, str)) if isinstance(values, list) else ()
        )
        for key, one in schema.items():
            if not key.startswith("x-ms-ex"):
                yield from _enumerated(one)
