"""The transcripts' own checks against closed forms: what the recipes are held against is held against something too."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_every_transcript_agrees_with_closed_forms() -> None:
    script = Path(__file__).parent / "transcripts" / "selfcheck.py"
    # A check has no arguments; what checks share has.
    checks = sum(len(re.findall(r"^def check_\w+\(\)", path.read_text(), re.M)) for path in script.parent.glob("selfcheck*.py"))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok ") == checks, done.stdout
