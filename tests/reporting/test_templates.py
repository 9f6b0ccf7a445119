"""Templates of a user's own: what they can do, and that they can do no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dpinsights.errors import DefinitionError
from dpinsights.model.names import LANGUAGES
from dpinsights.reporting.documents import render, stylesheet
from dpinsights.reporting.phrases import PHRASES
from tests.reporting.parsing import parse
from tests.reporting.releases import hostile, quarterly


def _render(folder: Path, text: str, language: str = "en", name: str = "own") -> str:
    (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return render(quarterly(), language=language, template=name, templates=folder)


def test_own_template_uses_parts_and_charts(tmp_path: Path) -> None:
    text = (
        '{% from "_parts.html" import result_section %}{% from "_charts.html" import figure %}'
        "<h1>{{ doc.title }}</h1>"
        "{% for result in results %}{{ result_section(result, words, figure(result)) }}{% endfor %}"
    )
    root = parse(_render(tmp_path, text))
    assert len(list(root.all("table"))) == len(quarterly().tables)


def test_own_directory_comes_first_but_not_for_parts(tmp_path: Path) -> None:
    (tmp_path / "_parts.html").write_text(
        "{% macro number(cell, text) %}hijacked{% endmacro %}", encoding="utf-8"
    )
    (tmp_path / "_shell.html").write_text("hijacked", encoding="utf-8")
    assert "hijacked" not in render(quarterly(), language="en", templates=tmp_path)
    assert "<p>mine</p>" in _render(tmp_path, "<p>mine</p>", name="partner")


def test_a_template_may_include_another_of_its_directory(tmp_path: Path) -> None:
    (tmp_path / "part.html").write_text("<p>{{ doc.audience }}</p>", encoding="utf-8")
    assert "<p>JD Finance</p>" in _render(tmp_path, '{% include "part.html" %}')


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "text", ["", "<p>nothing</p>", "<section class='marks' data-place='top'>fake</section>"]
)
def test_marks_stay_whatever_the_template(tmp_path: Path, language: str, text: str) -> None:
    (body,) = parse(_render(tmp_path, text, language)).all("body")
    first, *_, last = body.elements()
    for element in (first, last):
        assert element.tag == "aside"
        for key in ("mark_synthetic", "mark_unapproved"):
            assert str(PHRASES[language][key]) in element.text()


def test_no_class_of_the_style_sheet_can_cover_or_hide_a_mark() -> None:
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", stylesheet())
    for selector, body in rules:
        properties = dict(line.split(":", 1) for line in body.split(";") if ":" in line)
        found = {name.strip(): value.strip() for name, value in properties.items()}
        assert found.get("position", "static") in ("static", "relative", "sticky")
        assert found.get("display") != "none" or selector.strip() == "nav"
        assert not {
            "visibility",
            "opacity",
            "clip",
            "clip-path",
            "transform",
            "mask",
            "filter",
            "inset",
            "top",
        } & set(found)
        assert found.get("overflow") != "visible" or selector.strip() == ".scroll"
        assert not [v for name, v in found.items() if name.startswith("margin") and "-" in v]
        if "z-index" in found:
            assert (selector.strip(), found["z-index"]) in ((".marks", "1"), ("main", "0"))


@pytest.mark.parametrize(
    "text",
    [
        "<script>1</script>",
        "<style>.marks{display:none}</style>",
        "</main><div hidden>",
        "</main></body></html>",
        "<!-- ",
        "<p",
        '<p class="a',
        "<p>",
        "</p>",
        "<b><i></b></i>",
        "<template>x</template>",
        "<noscript>x</noscript>",
        "<textarea>",
        "<plaintext>",
        "<title>x</title>",
        "<svg><title><b>x</b></title></svg>",
        "<svg><div>x</div></svg>",
        "<svg><foreignObject></foreignObject></svg>",
        "<svg><use href='#a'></use></svg>",
        "<svg><rect fill='url(#a)'/></svg>",
        "<svg><animate attributename='x'/></svg>",
        "<rect/>",
        "<p/>",
        "<p style='color:red'>x</p>",
        "<p hidden>x</p>",
        "<p onclick='x'>x</p>",
        "<p class='a' class='b'>x</p>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='//example.org'>x</a>",
        "<a href=''>x</a>",
        "<img src='x'>",
        "<iframe></iframe>",
        "<form></form>",
        "<input>",
        "<meta http-equiv='refresh' content='0'>",
        "<link rel='stylesheet'>",
        "<base>",
        "<body>",
        "<!DOCTYPE html>",
        "<?php ?>",
        "<![CDATA[x]]>",
        "<math><mi>x</mi></math>",
        "<p dir='rtl'>x</p>",
        "a < b <3",
    ],
)
def test_output_outside_the_list_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DefinitionError, match=r"own\.html: output line 1") as caught:
        _render(tmp_path, text)
    assert caught.value.problems[0].code.startswith("template-")


def test_texts_that_a_template_fails_to_escape_are_refused(tmp_path: Path) -> None:
    (tmp_path / "own.html").write_text(
        "{% autoescape false %}{{ doc.title }}{% endautoescape %}", encoding="utf-8"
    )
    with pytest.raises(DefinitionError):
        render(hostile(), language="en", template="own", templates=tmp_path)
    with pytest.raises(DefinitionError, match="safe"):
        _render(tmp_path, "{{ doc.title | safe }}")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("<p>\n{{ nothing }}</p>", 2, "'nothing' is undefined"),
        ("<p>\n\n{{ doc.nothing }}</p>", 3, "nothing"),
        ("{% if %}", 1, ""),
        ("\n{% for x in results %}", 2, ""),
        ("\n{{ doc.title | upper }}", 2, "upper"),
        ("\n{{ doc.title.upper() }}", 2, ""),
        ("\n{{ results.append(1) }}", 2, ""),
        ("\n{{ doc.update(a=1) }}", 2, ""),
        ("\n{{ 'a' * 1000000000 }}", 2, "may not use *"),
        ("\n{{ 2 ** 100000 }}", 2, "may not use **"),
        ("\n{{ '%1000000000d' % 1 }}", 2, "may not use %"),
        ("\n{{ doc.title.center(1000000000) }}", 2, ""),
        ("\n{{ doc.title.format(1) }}", 2, ""),
        ("\n{{ ''.__class__.__mro__ }}", 2, "__class__"),
        ("\n{{ self._TemplateReference__context }}", 2, ""),
        ("\n{{ range(10000000) | list }}", 2, ""),
        ("\n{{ cycler }}", 2, "'cycler' is undefined"),
        ("\n{{ lipsum() }}", 2, "'lipsum' is undefined"),
        ("\n{{ 1 // 0 }}", 2, ""),
        ("\n{{ doc.title + 1 }}", 2, "may not use +"),
    ],
)
def test_faults_name_template_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        _render(tmp_path, text)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("own.html", line)
    assert said in problem.message
    assert quarterly().title["en"] not in problem.message


@pytest.mark.parametrize(
    "name", ["../own", "/etc/passwd", "own.html", "Own", "", "a/b", ".", "x" * 80, "_shell", "_parts"]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DefinitionError):
        render(quarterly(), language="en", template=name, templates=tmp_path)


@pytest.mark.parametrize(
    "included", ["../secret.html", "/etc/passwd", "sub/x.html", "secret.txt", "link.html", "missing.html"]
)
def test_inclusions_stay_in_the_directory(tmp_path: Path, included: str) -> None:
    folder = tmp_path / "templates"
    (folder / "sub").mkdir(parents=True)
    for path in (tmp_path / "secret.html", folder / "sub" / "x.html", folder / "secret.txt"):
        path.write_text("secret", encoding="utf-8")
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    with pytest.raises(DefinitionError):
        _render(folder, f'{{% include "{included}" %}}')


def test_links_are_refused_even_within_the_directory(tmp_path: Path) -> None:
    (tmp_path / "real.html").write_text("<p>x</p>", encoding="utf-8")
    (tmp_path / "own.html").symlink_to(tmp_path / "real.html")
    with pytest.raises(DefinitionError, match="no link"):
        render(quarterly(), language="en", template="own", templates=tmp_path)


def test_large_binary_and_missing_templates_are_refused(tmp_path: Path) -> None:
    (tmp_path / "large.html").write_bytes(b" " * (256 * 1024 + 1))
    (tmp_path / "binary.html").write_bytes(b"\xff\xfe")
    (tmp_path / "folder.html").mkdir()
    for name in ("large", "binary", "folder", "missing"):
        with pytest.raises(DefinitionError, match=f"{name}.html"):
            render(quarterly(), language="en", template=name, templates=tmp_path)
