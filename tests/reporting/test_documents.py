"""Pages: self-contained, well formed, faithful to the release, marked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from dpinsights.errors import ReportError
from dpinsights.model.names import LANGUAGES, FrozenMap
from dpinsights.model.release import Provenance, Release, Signature
from dpinsights.reporting.documents import csp_hash, render
from dpinsights.reporting.phrases import PHRASES
from tests.reporting.measures import measures
from tests.reporting.parsing import Element, parse
from tests.reporting.releases import approved, hostile, large, quarterly

RELEASES = {
    "quarterly": quarterly,
    "approved": approved,
    "large": large,
    "hostile": hostile,
    "measures": measures,
}


@pytest.fixture(
    params=[(name, language) for name in RELEASES for language in LANGUAGES], ids="-".join, scope="module"
)
def page(request: pytest.FixtureRequest) -> tuple[Release, str, str]:
    name, language = request.param
    release = RELEASES[name]()
    return release, language, render(release, language=language)


def test_page_is_self_contained(page: tuple[Release, str, str]) -> None:
    _, _, html = page
    assert not re.search(r"https?:|//[a-z]", html, re.IGNORECASE)
    root = parse(html)
    assert not {element.tag for element in root.all()} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "base",
        "form",
    }
    for element in root.all():
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on") or name in ("src", "srcset")]
        assert element.attributes.get("href", "#").startswith("#")
        values = [v for name, v in element.attributes.items() if not name.startswith("data-")]
        assert not [value for value in values if "url(" in value]


def test_policy_names_the_only_style_and_nothing_else(page: tuple[Release, str, str]) -> None:
    root = parse(page[2])
    (style,) = root.all("style")
    (policy,) = [m for m in root.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy"]
    expected = (
        f"default-src 'none'; style-src '{csp_hash(style.text())}'; base-uri 'none'; form-action 'none'"
    )
    assert policy.attributes["content"] == expected
    assert not re.search(r"url\(|@import|expression", style.text())


def test_page_has_language_title_and_unique_ids(page: tuple[Release, str, str]) -> None:
    _, language, html = page
    root = parse(html)
    (top,) = root.all("html")
    assert top.attributes["lang"] == {"en": "en", "zh": "zh-CN"}[language]
    ids = [e.attributes["id"] for e in root.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    assert not [name for name in ids if re.search(r"\s", name)]
    targets = {e.attributes["href"][1:] for e in root.all("a")}
    assert targets <= set(ids)


def test_every_number_stands_once_in_its_table_with_its_exact_value(page: tuple[Release, str, str]) -> None:
    release, _, html = page
    sections = {e.attributes["id"]: e for e in parse(html).all("section") if "id" in e.attributes}
    for table in release.tables:
        (element,) = sections[f"result-{table.name}"].all("table")
        numbers = list(element.all("data"))
        assert Counter(e.attributes["data-address"] for e in numbers) == Counter(
            c.address for c in table.cells
        )
        found = {e.attributes["data-address"]: e for e in numbers}
        for cell in table.cells:
            data, estimate = found[cell.address].attributes, cell.estimate
            assert (Decimal(data["value"]) if data["value"] else None) == estimate.value
            ends = ("data-low", estimate.low), ("data-high", estimate.high)
            for name, end in ends:  # an end without limit has no exact value
                assert data[name] == "" if end.is_infinite() else Decimal(data[name]) == end
            assert found[cell.address].text().strip()


def test_addresses_elsewhere_are_the_releases_own(page: tuple[Release, str, str]) -> None:
    release, _, html = page
    known = {cell.address for table in release.tables for cell in table.cells}
    used = {e.attributes["data-address"] for e in parse(html).all() if "data-address" in e.attributes}
    assert used == known


def test_charts_and_tables_are_described(page: tuple[Release, str, str]) -> None:
    root = parse(page[2])
    for chart in [e for e in root.all("svg") if e.attributes.get("class") == "chart"]:
        title, describes = chart.elements()[:2]
        assert (title.tag, describes.tag) == ("title", "desc")
        assert title.text().strip()
        assert chart.attributes["aria-labelledby"] == f"{title.attributes['id']} {describes.attributes['id']}"
    for table in root.all("table"):
        (caption,) = table.all("caption")
        assert caption.text().strip()
        assert all("scope" in heading.attributes for heading in table.all("th"))


def test_same_release_same_bytes(page: tuple[Release, str, str]) -> None:
    release, language, html = page
    assert render(release, language=language) == html


def _marks(root: Element) -> dict[str, str]:
    (body,) = root.all("body")
    found = {e.attributes["data-place"]: e for e in body.elements() if e.attributes.get("class") == "marks"}
    return {place: element.text() for place, element in found.items()}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("origin", ["real", "synthetic"])
@pytest.mark.parametrize("is_approved", [True, False])
def test_marks_stand_at_both_ends_exactly_where_they_are_due(
    language: str, origin: str, is_approved: bool
) -> None:
    html = render(replace(quarterly(), origin=origin, approved=is_approved), language=language)
    synthetic, unapproved = (
        str(PHRASES[language]["mark_synthetic"]),
        str(PHRASES[language]["mark_unapproved"]),
    )
    marks, (title,) = _marks(parse(html)), [e for e in parse(html).all("title") if "id" not in e.attributes]
    assert set(marks) == (set() if origin == "real" and is_approved else {"top", "bottom"})
    for text in (*marks.values(), title.text()) if marks else (title.text(),):
        assert (synthetic in text) == (origin != "real")
        assert (unapproved in text) == (not is_approved)
    (body,) = parse(html).all("body")
    if marks:
        assert body.elements()[0].attributes["data-place"] == "top"
        assert body.elements()[-1].attributes["data-place"] == "bottom"


def test_unknown_origin_counts_as_made_up() -> None:
    assert "Made-up population" in render(replace(approved(), origin="?"), language="en")


@pytest.mark.parametrize("made", [quarterly, measures])
def test_chinese_page_has_no_english_left(made: Callable[[], Release]) -> None:
    release = made()
    root = parse(render(release, language="zh"))
    (main,) = root.all("main")
    receipt = next(e for e in main.all("footer"))
    own = {release.audience, release.account, release.statement.snapshot_map, *release.names, "ICBC"}
    own |= {
        "icbc",
        "transactions",
        "made_on",
        "map",
        "Benjamini",
        "Hochberg",
        "holdings",
        "product",
        "holds_cd",
    }
    own |= {"last_month", "jd", "orders", "brand"}
    words = {
        word
        for text in main.texts(without=("footer", "code"))
        for word in re.findall(r"[A-Za-z][A-Za-z_]+", text)
    }  # fmt: skip
    assert words - own == set()
    terms = "".join(term.text() for term in receipt.all("dt"))
    assert not re.search(r"[A-Za-z]{2}", terms.replace("1e-12", ""))


@pytest.mark.parametrize("language", LANGUAGES)
def test_statement_says_all_of_it(language: str) -> None:
    text = " ".join(parse(render(quarterly(), language=language)).text().split())
    for said in (
        "1e-10",
        "1e-11",
        "1.1e-10",
        "1.00",
        "2.05",
        "0.0133",
        "0.0530",
        "1.51",
        "4.00",
        "1.86",
        "8.00",
        "map-2017-q4",
    ):
        assert said in text
    for said in ("13242583000", "5d0c" * 16, "a91f" * 16, "07e3" * 16, "0.16.0"):
        assert said in text


def test_no_page_claims_that_all_groups_are_shown_where_small_ones_are_not() -> None:
    released = quarterly()
    claim, instead = (
        "no group was left out because of its size",
        "below the smallest group (10) are not shown",
    )
    assert claim in " ".join(parse(render(released, language="en")).text().split())
    tables = tuple(replace(table, smallest_group=10) for table in released.tables)
    text = " ".join(parse(render(replace(released, tables=tables), language="en")).text().split())
    assert claim not in text and instead in text


def test_unknown_language_is_refused() -> None:
    with pytest.raises(ReportError, match="'fr'"):
        render(quarterly(), language="fr")


def test_hostile_texts_are_shown_and_nothing_more() -> None:
    html = render(hostile(), language="en")
    root = parse(html)
    assert "<script>alert(1)</script>" in root.text()
    assert "</data></table></main>" in root.text()
    assert "{{ 7*7 }}" in root.text() and "49" not in re.findall(r">\s*49\s*<", html)
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", re.sub(r'(data-address|id)="[^"]*"', "", html))


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        ("#4f93b6", "#ffffff", 3.0),  # bar on paper
        ("#14212b", "#4f93b6", 4.5),  # interval on bar
        ("#3d7fa1", "#12181d", 3.0),  # the same on dark screens
        ("#ffffff", "#3d7fa1", 3.0),
        ("#55636e", "#ffffff", 4.5),  # small text
        ("#35434e", "#9fc5db", 4.5),  # margins on the darkest shade
        ("#16222b", "#9fc5db", 4.5),
        ("#4a3500", "#fdf3d7", 4.5),  # marks
        ("#ffe6a3", "#3a2d05", 4.5),
        ("#a5b3bd", "#12181d", 4.5),
        ("#c3ced6", "#255068", 4.5),
    ],
)
def test_colours_can_be_told_apart(one: str, other: str, least: float) -> None:
    style = render(quarterly(), language="en")
    assert one in style and other in style
    assert _contrast(one, other) >= least


def test_exploration_is_marked_and_never_rendered_for_a_party() -> None:
    explored = replace(quarterly(), account="exploration", audience="exploration")
    page = render(explored, language="en")
    assert "EXPLORATION" in page and "has not been approved for its audience" not in page
    assert "探索性结果" in render(explored, language="zh")
    with pytest.raises(ReportError, match="for no party"):
        render(replace(explored, audience="jd", approved=True), language="en")


def test_the_page_says_who_signed_and_what_for() -> None:
    release = replace(
        approved(),
        terms=FrozenMap(
            {"purpose": FrozenMap(en="Planning <b>", zh="规划"), "contact": FrozenMap(en="a@b.example")}
        ),
        provenance=Provenance(
            7,
            "e" * 64,
            "d" * 64,
            "f" * 64,
            (Signature("Li Na", "owner", "icbc"), Signature("Chen Jie", "compliance")),
        ),
    )
    page = render(release, language="en")
    for text in (
        "Planning &lt;b&gt;",
        "a@b.example",
        "d" * 64,
        f"entry 7, {'e' * 64}",
        "Li Na (data owner, ICBC)",
        "Chen Jie (compliance)",
    ):
        assert text in page, text
    assert "规划" in render(release, language="zh") and 'id="terms"' not in render(approved(), language="en")
