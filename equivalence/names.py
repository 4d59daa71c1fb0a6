"""Placeholders for what differs from run to run: addresses, names of hosts and units, secrets."""

import re
from typing import Any


class Names:
    """Real values and what stands for them; the longest is replaced first."""

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}

    def add(self, value: str, placeholder: str) -> None:
        """Have a value replaced from now on; an empty one, or one that has its own, is not."""
        if value:
            self._placeholders.setdefault(value, placeholder)

    def tidy(self, value: Any) -> Any:
        """A copy of a value, or of a structure of values, with placeholders."""
        if isinstance(value, dict):
            return {self.tidy(key): self.tidy(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.tidy(inner) for inner in value]
        if not isinstance(value, str):
            return value
        longest_first = sorted(self._placeholders, key=len, reverse=True)
        if not longest_first:
            return value
        pattern = "|".join(rf"(?<![\w-]){re.escape(real)}(?![\w])" for real in longest_first)
        return re.sub(pattern, lambda match: self._placeholders[match[0]], value)
