"""Where templates come from and what they can reach: a sandbox, strict names, escaping always on.

A template may come from the package or from one given directory, never from beyond it. It sees dictionaries,
lists and texts; it can call no method of them, and what it emits is checked again (see `fragments`).
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
)
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from dpinsights.errors import DefinitionError, Problem

PACKAGED = Path(__file__).parent / "templates"

_FILE = re.compile(r"_?[a-z0-9][a-z0-9_-]{0,62}\.html")
_LARGEST = 256 * 1024
_FILTERS = ("e", "escape", "length", "count", "first", "last", "default", "d", "list", "reverse")
_TESTS = (
    "defined",
    "undefined",
    "none",
    "odd",
    "even",
    "eq",
    "ne",
    "lt",
    "gt",
    "le",
    "ge",
    "in",
    "string",
    "mapping",
)


class _Loader(BaseLoader):
    """Looks in the package for what begins with `_`, else in the given directory and then in the package."""

    def __init__(self, given: Path | None) -> None:
        self._given = given.resolve() if given else None

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        if not _FILE.fullmatch(template):
            raise TemplateNotFound(
                template,
                f"a template is called name.html, with letters a to z, digits, - and _: {template!r}",
            )
        roots = [PACKAGED] if template.startswith("_") or not self._given else [self._given, PACKAGED]
        for root in roots:
            path = root / template
            if not path.exists() and not path.is_symlink():
                continue
            if path.is_symlink() or path.resolve().parent != root.resolve() or not path.is_file():
                raise TemplateNotFound(
                    template, f"{template}: a template is a plain file of its directory, no link"
                )
            if path.stat().st_size > _LARGEST:
                raise TemplateNotFound(template, f"{template}: a template has at most {_LARGEST} bytes")
            return path.read_text(encoding="utf-8"), f"{template}", lambda: True
        raise TemplateNotFound(template, f"there is no template {template!r}")


class _Sandbox(ImmutableSandboxedEnvironment):
    """No methods of texts and numbers (`'a'.center(10**9)`), no repetition and no powers."""

    intercepted_binops = frozenset({"*", "**", "%", "//", "/", "-", "+"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator in {"+", "-"} and isinstance(left, int) and isinstance(right, int):
            return super().call_binop(context, operator, left, right)
        raise SecurityError(
            f"a template may not use {operator} here: numbers arrive as text, printed already"
        )

    def wrap_str_format(self, value: Any) -> None:
        """No `format` of texts, not even the sandbox's own: it can pad without limit."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str | int | list | tuple | dict) and callable(value):
            return False
        return bool(super().is_safe_attribute(obj, attr, value))


def environment(templates: Path | None) -> Environment:
    """The sandbox in which templates run."""
    found = _Sandbox(
        loader=_Loader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=50,
    )
    found.filters = {name: found.filters[name] for name in _FILTERS}
    found.tests = {name: found.tests[name] for name in _TESTS}
    found.globals = {name: found.globals[name] for name in ("range", "namespace") if name in found.globals}
    return found


def run(name: str, templates: Path | None, view: Mapping[str, Any]) -> str:
    """What the template `name`.html makes of a view.

    Raises:
        DefinitionError: with the template's name and line, for a template that is missing, wrong, or uses
            what is not there; the message names no value of the release.
    """
    file = f"{name}.html"
    try:
        return environment(templates).get_template(file).render(**view)
    except TemplateSyntaxError as error:
        raise _refused(error.name or file, error.lineno, "template-syntax", str(error.message)) from None
    except TemplateNotFound as error:
        raise _refused(file, 0, "template-missing", str(error.message)) from None
    except (TemplateError, TypeError, ValueError, OverflowError, RecursionError) as error:
        at, line = _place(error, file)
        code = "template-value" if isinstance(error, TemplateError) else "template-error"
        message = (
            str(error) if isinstance(error, TemplateError) else f"the template fails ({type(error).__name__})"
        )
        raise _refused(at, line, code, message) from None


def _refused(file: str, line: int, code: str, message: str) -> DefinitionError:
    return DefinitionError((Problem(file, line, 1 if line else 0, "", code, message),))


def _place(error: Exception, file: str) -> tuple[str, int]:
    """The template and line in hand when it failed: Jinja maps frames of compiled templates back to them."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _FILE.fullmatch(frame.filename)]
    return (frames[-1].filename, frames[-1].lineno or 0) if frames else (file, 0)
