"""Where the partnerships that come with the package lie."""

from __future__ import annotations

from pathlib import Path


def partnerships() -> Path:
    """The folder of the partnerships: package data in a wheel, `reports/` in a clone."""
    here = Path(__file__).resolve().parent
    inside = here / "reports"
    return inside if inside.is_dir() else here.parent / "reports"
