"""Lists of words that are read in the order in which their source prints them."""


def words(text: str) -> frozenset[str]:
    """The words of a text that stand apart by blanks."""
    return frozenset(text.split())
