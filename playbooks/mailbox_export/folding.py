"""Comparing names without case, and without mistaking a look-alike letter for a plain one."""

import string

_ASCII_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold(text: str) -> str:
    """ASCII letters in lower case, every other letter as it is.

    `str.lower` and `str.casefold` turn the Kelvin sign into a plain k, so they would make two different
    account or server names equal.
    """
    return text.translate(_ASCII_FOLD)
