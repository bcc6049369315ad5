"""The page that describes the service: made of its OpenAPI schema, and of nothing else.

It holds no script and asks for no file, so that it is the same without a network.
"""

import json
from html import escape
from typing import Any, Dict, Iterable, List

#: what the page may load
CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff }
h2 { margin-top: 2.5rem; border-top: 1px solid #ccc; padding-top: 1rem }
h2 b { background: #1f5f8b; color: #fff; padding: .1rem .5rem; border-radius: .2rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .3rem .6rem; border: 1px solid #ddd }
code, pre { font: 14px/1.4 ui-monospace, monospace }
pre { background: #f4f4f4; padding: .8rem; overflow-x: auto }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #1b1b1b }
  td, th { border-color: #444 }
  pre { background: #2a2a2a }
}
"""
_BOUNDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minimum": "from {:g}",
    "maximum": "to {:g}",
}


def page_of(description: Dict[str, Any]) -> str:
    """Return the page of a service, HTML.

    Parameters
    ----------
    description : dict
        In OpenAPI, bodies and responses as references to its schemas.
    """
    info, schemas = description["info"], description["components"]["schemas"]
    endpoints = [
        (verb.upper(), path, operation)
        for path, of_path in description["paths"].items()
        for verb, operation in of_path.items()
    ]
    links = "".join(
        f'<li><a href="#{escape(path[1:])}"><code>{verb} {escape(path)}</code></a>: '
        f"{escape(operation['description'])}</li>"
        for verb, path, operation in endpoints
    )
    parts = [_endpoint(verb, path, operation, schemas) for verb, path, operation in endpoints]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_text(info, "title")}'
        f'</title><meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{_text(info, 'title')} {_text(info, 'version')}</h1>"
        f"<p>{_text(info, 'description')}</p><ul>{links}</ul>"
        f'<p><a href="openapi.json">openapi.json</a> says the same to programs.</p>'
        f"{''.join(parts)}</body></html>\n"
    )


def _endpoint(verb: str, path: str, operation: Dict[str, Any], schemas: Dict[str, Any]) -> str:
    parts = [
        f'<h2 id="{escape(path[1:])}"><b>{verb}</b> <code>{escape(path)}</code></h2>'
        f"<p>{_text(operation, 'description')}</p>"
    ]
    command = f"curl -s localhost:8080{path}"
    if "requestBody" in operation:
        body = _schema(operation["requestBody"], schemas)
        for example in body.get("examples", [])[:1]:
            command += f" -H 'Content-Type: application/json' -d '{json.dumps(example)}'"
        parts.append(f"<h3>Body</h3><p>{_text(body, 'description')}</p>{_fields(body, schemas)}")
    parts.append(f"<pre>{escape(command)}</pre>")
    answer = _schema(operation["responses"]["200"], schemas)
    if answer:
        parts.append(
            f"<h3>Answer</h3><p>{_text(answer, 'description')}</p>{_fields(answer, schemas)}"
        )
    refusals = "".join(
        f"<tr><td>{code}</td><td>{_text(response, 'description')}</td></tr>"
        for code, response in sorted(operation["responses"].items())
        if code != "200"
    )
    parts.append(f"<details><summary>Refusals</summary><table>{refusals}</table></details>")
    return "".join(parts)


def _schema(message: Dict[str, Any], schemas: Dict[str, Any]) -> Dict[str, Any]:
    """Return the schema of what a body or a response holds; nothing where it is no JSON."""
    content = message.get("content", {}).get("application/json", {})
    return _resolved(content.get("schema", {}), schemas)


def _resolved(schema: Dict[str, Any], schemas: Dict[str, Any]) -> Dict[str, Any]:
    found: Dict[str, Any] = schemas[schema["$ref"].split("/")[-1]] if "$ref" in schema else schema
    return found


def _fields(schema: Dict[str, Any], schemas: Dict[str, Any]) -> str:
    rows = "".join(_rows(schema, schemas, ""))
    return f"<table><tr><th>field</th><th>type</th><th>meaning</th></tr>{rows}</table>"


def _rows(schema: Dict[str, Any], schemas: Dict[str, Any], before: str) -> Iterable[str]:
    """Yield the rows of a table of fields, those of a field that has fields itself behind it."""
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        one = _without_null(field)
        words = [field.get("description", "")]
        if before or name in required:
            words.append("required" if name in required else "")
        elif "default" in field and field["default"] is not None:
            words.append(f"default: {json.dumps(field['default'])}")
        words += [said.format(one[bound]) for bound, said in _BOUNDS.items() if bound in one]
        meaning = escape("; ".join(filter(None, words)))
        yield (
            f"<tr><td><code>{escape(before + name)}</code></td>"
            f"<td>{escape(_type(one, schemas))}</td><td>{meaning}</td></tr>"
        )
        inner = one.get("items", {}) if one.get("type") == "array" else one
        mark = "[]." if inner is not one else "."
        yield from _rows(_resolved(inner, schemas), schemas, f"{before}{name}{mark}")


def _without_null(field: Dict[str, Any]) -> Dict[str, Any]:
    """Return what a field is where it is there."""
    ways: List[Dict[str, Any]] = [way for way in field.get("anyOf", []) if way != {"type": "null"}]
    return ways[0] if len(ways) == 1 else field


def _type(schema: Dict[str, Any], schemas: Dict[str, Any]) -> str:
    one = _without_null(schema)
    if "$ref" in one:
        return "object"
    if one.get("type") == "array":
        return f"list of {_type(one.get('items', {}), schemas)}"
    ways = [_type(way, schemas) for way in one.get("anyOf", [])]
    return " or ".join(ways) if ways else str(one.get("type", "any"))


def _text(of: Dict[str, Any], name: str) -> str:
    """Return a text for a page: what stands between backquotes as code."""
    parts = escape(of.get(name, "")).split("`")
    return "".join(f"<code>{one}</code>" if n % 2 else one for n, one in enumerate(parts))
