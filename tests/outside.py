"""Where documents lie that are no part of the repository; a test that needs them skips where they are not.

`API_CONTRACTS` names the folder of the services' API documents, `LABELLED_CASES` a file of labelled cases.
Not `TRIAGE_…`: such a variable would be taken for a setting of the app.
"""

import os
from pathlib import Path

_BESIDE = Path(__file__).resolve().parent.parent.parent / "shared"

CONTRACTS = Path(os.environ.get("API_CONTRACTS", _BESIDE / "contracts"))
CASES = Path(os.environ.get("LABELLED_CASES", _BESIDE / "cases" / "cases.jsonl"))
