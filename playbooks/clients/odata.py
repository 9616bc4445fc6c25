"""Values in an OData `$filter`: the one place where outside text enters one.

OData 4.01, "Primitive Literals". The SDK percent-encodes the filter as a whole.
"""


def text(value: str) -> str:
    """A string literal: in single quotes, each quote inside doubled."""
    return "'" + value.replace("'", "''") + "'"


def equal(name: str, value: str) -> str:
    """`name eq 'value'`."""
    return f"{name} eq {text(value)}"


def any_equal(name: str, value: str) -> str:
    """`name/any(x:x eq 'value')` for a property that is a list of text."""
    return f"{name}/any(x:x eq {text(value)})"
