"""What the docs name exists, and what exists is in the docs."""

import re
from pathlib import Path

from playbooks.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parent.parent


def read(name: str) -> str:
    """A document's text."""
    return (ROOT / name).read_text()


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    """docs/settings.md and the Settings model name the same variables, with the same defaults."""
    documented = set(re.findall(rf"^\| `({PREFIX}\w+)`", read("docs/settings.md"), re.MULTILINE))

    assert documented == {PREFIX + name.upper() for name in Settings.model_fields}


def test_every_error_code_is_documented_and_every_documented_one_exists() -> None:
    """docs/http.md and the code that refuses name the same codes."""
    code = "".join(read(f"playbooks/{name}.py") for name in ("intake", "answers", "service"))
    raised = set(re.findall(r"\b(?:400|403|404|413|415|500|503), \"(\w+)\"", code))
    documented = set(re.findall(r"^\| \d{3} \| `(\w+)`", read("docs/http.md"), re.MULTILINE))

    assert documented == raised


def test_commands_in_the_readme_are_targets_of_the_makefile() -> None:
    """`make …` in the README runs."""
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))

    assert set(re.findall(r"`?make ([a-z]+)", read("README.md"))) <= targets
