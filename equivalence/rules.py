"""Rules of the contract: whether a value that was seen is allowed, and if not, what is wrong."""

import re
from typing import Any

_WORDS = ("is", "has", "like", "any", "not", "each")


def keeps(rule: Any, value: Any) -> bool:
    """Whether a value keeps a rule."""
    return complaint(rule, value) is None


def complaint(rule: Any, value: Any) -> str | None:
    """What is wrong with a value by a rule, as briefly as it can be said; None if nothing is.

    :param rule: a value, or a mapping with one word of is, has, like, any, not, each
    """
    word, argument = _parsed(rule)
    return _CHECKS[word](argument, value)


def expected(rule: Any) -> str:
    """A rule in words, for tables."""
    word, argument = _parsed(rule)
    if word == "any":
        return " or ".join(expected(inner) for inner in argument)
    if word in ("not", "each"):
        return f"{word} {expected(argument)}"
    return {"is": "", "has": "with ", "like": "like "}[word] + show(argument)


def show(value: Any) -> str:
    """A value as tables show it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {show(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(show(inner) for inner in value) + "]"
    return (
        {None: "nothing", True: "yes", False: "no"}.get(value, str(value))
        if (value is None or isinstance(value, bool))
        else str(value)
    )


def _parsed(rule: Any) -> tuple[str, Any]:
    if isinstance(rule, dict) and len(rule) == 1 and next(iter(rule)) in _WORDS:
        return next(iter(rule.items()))
    return "is", rule


def _is(wanted: Any, value: Any) -> str | None:
    if type(wanted) is type(value) and wanted == value:
        return None
    if isinstance(wanted, dict) and isinstance(value, dict):
        problems = [_has(wanted, value), *(f"{key} is there" for key in value.keys() - wanted)]
        return "; ".join(sorted(filter(None, problems)))
    if isinstance(wanted, list) and isinstance(value, list):
        return _difference(wanted, value)
    return f"{show(value)} instead of {show(wanted)}"


def _difference(wanted: list[Any], value: list[Any]) -> str:
    for number, (left, right) in enumerate(zip(wanted, value, strict=False), 1):
        if left != right:
            if len(wanted) != len(value):
                break
            return f"number {number}: {_is(left, right)}"
    missing = [show(item) for item in wanted if item not in value]
    extra = [show(item) for item in value if item not in wanted]
    parts = [f"without {', '.join(missing)}"] if missing else []
    parts += [f"with {', '.join(extra)}"] if extra else []
    return "; ".join(parts) or f"{show(value)} instead of {show(wanted)}"


def _has(wanted: Any, value: Any) -> str | None:
    if isinstance(wanted, dict):
        if not isinstance(value, dict):
            return f"{show(value)} instead of {show(wanted)}"
        problems = [
            f"{key} is missing" if key not in value else _prefixed(key, inner, value[key])
            for key, inner in wanted.items()
        ]
        return "; ".join(filter(None, problems)) or None
    missing = [show(item) for item in wanted if item not in (value or ())]
    return f"without {', '.join(missing)}" if missing else None


def _prefixed(key: str, rule: Any, value: Any) -> str | None:
    problem = _is(rule, value)
    return f"{key}: {problem}" if problem else None


def _like(pattern: str, value: Any) -> str | None:
    if re.fullmatch(pattern, str(value), re.DOTALL):
        return None
    return f"{show(value)} is not like {pattern}"


def _any(rules: list[Any], value: Any) -> str | None:
    problems = [complaint(rule, value) for rule in rules]
    return None if None in problems else "; ".join(map(str, problems))


def _not(rule: Any, value: Any) -> str | None:
    return f"{show(value)}, which it must not be" if keeps(rule, value) else None


def _each(rule: Any, value: Any) -> str | None:
    if not value:
        return "there is nothing"
    items = value.items() if isinstance(value, dict) else enumerate(value, 1)
    problems = [f"{key}: {found}" for key, item in items if (found := complaint(rule, item))]
    return "; ".join(problems) or None


_CHECKS = {"is": _is, "has": _has, "like": _like, "any": _any, "not": _not, "each": _each}
