"""Reduce Sentry's public OpenAPI document to facts: which keys of which types each answer must have.

No texts, no examples, nothing optional.

Run as `python -m scripts.sentry_api <document> > tests/path/sentry_api.json`.
Source of the document: https://github.com/getsentry/sentry-api-schema
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from tests.path.test_engine_api import CHANGES, ENDPOINTS

COMBINING: Final = ("anyOf", "oneOf", "allOf")


def reduce_schema(schema: Any) -> Any:
    """Keep types and the names of what is required."""
    if not isinstance(schema, dict):
        return schema
    kept = {key: schema[key] for key in ("type", "required", "nullable", "enum") if key in schema}
    required = {name: each for name, each in schema.get("properties", {}).items() if name in schema.get("required", ())}
    if required:
        kept["properties"] = {name: reduce_schema(each) for name, each in required.items()}
    kept |= {key: reduce_schema(schema[key]) for key in ("items", "additionalProperties") if key in schema}
    return kept | {key: [reduce_schema(each) for each in schema[key]] for key in COMBINING if key in schema}


def reduce_document(document: dict[str, Any]) -> dict[str, Any]:
    """Keep the answers that succeed, of the operations that the tests ask for."""
    asked = {("get", spec) for *_, spec in ENDPOINTS} | {(method.lower(), spec) for method, _, _, spec, _ in CHANGES}
    paths: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if (method, path.removeprefix("/api/0")) not in asked:
                continue
            answers = {
                status: {"content": {"application/json": {"schema": reduce_schema(each["schema"])}}}
                for status, answer in operation["responses"].items()
                if status.startswith("2") and (each := answer.get("content", {}).get("application/json"))
            }
            if answers:
                paths.setdefault(path, {})[method] = {"responses": answers}
    return {"paths": paths}


if __name__ == "__main__":
    reduced = reduce_document(json.loads(Path(sys.argv[1]).read_bytes()))
    sys.stdout.write(json.dumps(reduced, separators=(",", ":"), sort_keys=True) + "\n")
