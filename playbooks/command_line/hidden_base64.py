"""Base64 that stands anywhere in a command line, whatever may decode it.

`-EncodedCommand` is one way of many: `FromBase64String`, a variable, another program, standard input.
"""

import base64
import re
from collections.abc import Iterator

SHORTEST = 24
"""Letters; the name of an export cmdlet takes 32, in UTF-16 more."""
_RUN = re.compile(rf"[A-Za-z0-9+/]{{{SHORTEST},}}")


def hidden_texts(text: str) -> Iterator[str]:
    """What each run of base64 in `text` may stand for: from each of four letters on, in UTF-8 and UTF-16LE.

    Most of it is noise: the caller looks for words in it.
    """
    for run in _RUN.findall(text):
        for start in range(4):
            letters = run[start:]
            # One letter alone in its group of four holds no octet.
            letters = letters[:-1] if len(letters) % 4 == 1 else letters
            octets = base64.b64decode(letters + "=" * (-len(letters) % 4))
            yield _readable(octets, "utf-8")
            yield _readable(octets, "utf-16-le")
            yield _readable(octets[1:], "utf-16-le")


def _readable(octets: bytes, encoding: str) -> str:
    return octets.decode(encoding, errors="replace").strip("\ufffd")
