"""Makes the examples in the API's description from schemas and the values in examples.py."""

from typing import Any

from orchestrator.api.openapi.examples import FIELDS, ID, REQUESTS, TIME

Schema = dict[str, Any]


def request_examples(schema: Schema, components: Schema) -> Schema:
    """Return the examples of a body in OpenAPI's form: those in REQUESTS, or one made from the schema."""
    written = REQUESTS.get(_component(_choice(schema)))
    examples = written or {"For example": _Maker(components, all_fields=False).value(schema, "")}
    return {summary: {"summary": summary, "value": value} for summary, value in examples.items()}


def response_example(schema: Schema, components: Schema) -> Any:
    """Return one example of a response."""
    return _Maker(components, all_fields=True).value(schema, "")


def _component(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _choice(schema: Schema) -> Schema:
    """Choose the first alternative that is an object or a list, else null where it is allowed."""
    options: list[Schema] = schema.get("anyOf", [schema])
    structured = [it for it in options if "$ref" in it or it.get("type") in ("object", "array")]
    return (structured or [it for it in options if it.get("type") == "null"] or options)[0]


class _Maker:
    """Makes examples from schemas, with all fields or with those that are required or have an example."""

    def __init__(self, components: Schema, *, all_fields: bool) -> None:
        self._components = components
        self._all_fields = all_fields

    def value(self, schema: Schema, name: str) -> Any:
        """Return an example for a field called `name`."""
        if name in FIELDS:
            return FIELDS[name]
        for key in ("examples", "enum"):
            if key in schema:
                return schema[key][0]
        for key in ("default", "const"):
            if key in schema:
                return schema[key]
        if component := _component(schema):
            return self._of_component(component)
        return self.value(_choice(schema), name) if "anyOf" in schema else self._plain(schema, name)

    def _of_component(self, component: str) -> Any:
        schema = self._components[component]
        if "properties" not in schema:
            return self.value(schema, component)
        fields = {
            name: field
            for name, field in schema["properties"].items()
            if self._all_fields or "examples" in field or name in schema.get("required", [])
        }
        return {name: self._field(component, name, field) for name, field in fields.items()}

    def _field(self, component: str, name: str, field: Schema) -> Any:
        own = f"{component}.{name}"
        return FIELDS[own] if own in FIELDS else self.value(field, name)

    def _plain(self, schema: Schema, name: str) -> Any:
        match schema.get("type"):
            case "array":
                return [self.value(schema["items"], "")]
            case "object":
                return {}
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return False
            case "null":
                return None
        return _text(schema, name)


def _text(schema: Schema, name: str) -> str:
    if schema.get("format") == "date-time":
        return TIME
    return ID if name == "id" or name.endswith("_id") else name.replace("_", " ")
