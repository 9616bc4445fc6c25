"""Texts that are dear to read, as large as they are accepted: request bodies and command lines.

The tests hold what each is answered; `bench/reading.py` measures what each costs.
"""  # noqa: INP001 - texts of scripts and tests, not a package

ROOM = 4 * 1024 * 1024 - 100
LONGEST_LINE = 32_000

BODIES = {
    "brackets in a text": b'{"a": "' + b"[" * ROOM + b'"}',
    "escapes": b'{"a": "' + b"\\u0041" * (ROOM // 6) + b'"}',
    "backslashes": b'{"a": "' + b"\\" * ROOM + b'"}',
    "quotes": b'"' * ROOM,
    "numbers": b'{"a": [' + b"1," * (ROOM // 2) + b"1]}",
    "empty objects": b'{"a": [' + b"{}," * (ROOM // 3) + b"1]}",
    "objects": b'{"a": [' + b'{"b":1},' * (ROOM // 8) + b"1]}",
    "keys": b"{" + b",".join(b'"%d":1' % number for number in range(ROOM // 12)) + b"}",
    "nests": b'{"a": [' + (b"[" * 30 + b"]" * 30 + b",") * (ROOM // 61) + b"1]}",
    "open brackets": b"[" * ROOM,
    "closed brackets": b"]" * ROOM,
    "wrong pairs": b"[}" * (ROOM // 2),
    "NUL and numbers": b'{"a": ["\\u0000",' + b"1," * (ROOM // 2 - 10) + b"1]}",
}
_PIECES = {
    "statements": "a;",
    "ampersands": "a&",
    "parentheses": "(",
    "subexpressions": "$(",
    "blocks": "{",
    "joined texts": "'x'+",
    "hashtables": "@{a=",
    "loops": "a|%{",
    "assignments": "$a=1;",
    "backticks": "`",
    "quotes": '"',
    "shells": "powershell -c ",
    "parameters": "-Name a ",
    "brackets": "[",
    "look-alikes": "‘“–а",
}
_BEFORE = {
    "": "",
    " after an export": "powershell -c New-MailboxExportRequest ",
    " after cmd": "cmd /c ",
}
LINES = {
    f"{name}{where}": before + piece * (LONGEST_LINE // len(piece))
    for name, piece in _PIECES.items()
    for where, before in _BEFORE.items()
}
