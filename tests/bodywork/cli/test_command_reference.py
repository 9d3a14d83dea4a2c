"""docs/commands.md says what the commands say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_command_reference_is_what_the_generator_prints() -> None:
    generator = ROOT / "scripts" / "generate-command-reference"
    printed = subprocess.run(
        [sys.executable, str(generator)], capture_output=True, text=True, check=True
    ).stdout
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert printed == written, "run scripts/generate-command-reference > docs/commands.md"
