"""What can be wrong with a query or a row."""


class QueryError(Exception):
    """A query was not answered.

    `code` is `SyntaxError` or `SemanticError`, as Log Analytics writes them in `innererror`;
    `UnsupportedQuery` where the text may be right but the local engine cannot run it; and
    `QueryFailed` where it stopped while running.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class RowRefused(ValueError):
    """A row does not fit its table; the text names table, row, column and what to do."""
