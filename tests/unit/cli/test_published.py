"""The reference of the command line is up to date."""

from pathlib import Path

from vkd.cli import reference

ROOT = Path(__file__).parents[3]


def test_the_reference_is_up_to_date() -> None:
    written = (ROOT / reference.FOLDER / "cli.md").read_text()
    assert written == reference.reference(), "run python -m vkd.cli.reference"
