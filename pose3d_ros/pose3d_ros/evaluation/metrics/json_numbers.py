"""Numbers as JSON has them."""

from __future__ import annotations

import math


def plain(value: object) -> object:
    """JSON's own types, NaN as null, four decimals."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value
