"""Every format gives its text; every hostile file gives an error that names it and a cure."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pypdfium2
import pytest
from fpdf import FPDF

from assistant.knowledge.loaders import load
from assistant.knowledge.loaders.pdf import _one_for_one
from assistant.knowledge.loaders.pdf_pictures import draw
from graphs.errors import DocumentError
from tests.assistant.knowledge.files import columns_pdf, pdf, word

PAGE = (
    "<!doctype html><html><head><title>Fees &amp; rules</title></head>"
    "<body><nav>Home</nav><article><h1>Fees</h1><p>{}</p></article></body></html>"
)
SENTENCE = "The late fee is 25 euro for every week that has begun, payable at the desk in cash."


def test_markdown_is_stored_as_written_and_titled_by_its_heading() -> None:
    loaded = load(b"intro\n\n# The *guide*\n\ntext", "a.md")
    assert (loaded.text, loaded.title) == ("intro\n\n# The *guide*\n\ntext", "The guide")


def test_front_matter_gives_the_title() -> None:
    assert load(b'---\nid: 1\ntitle: "Set up"\n---\n# Other\n', "a.md").title == "Set up"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "shift_jis"])
def test_text_in_any_encoding(encoding: str) -> None:
    text = (
        "これは日本語の文章です。保証は二年間です。" * 8
        if encoding == "shift_jis"
        else "Größe, café, naïve façade. " * 8
    )
    assert load(text.encode(encoding), "a.txt").text == text


def test_line_ends_become_one_kind() -> None:
    assert load(b"a\r\nb\rc\n", "a.txt").text == "a\nb\nc\n"


def test_what_cannot_be_stored_is_removed() -> None:
    assert not any("\ud800" <= sign <= "\udfff" for sign in load(b"a\xed\xa0\x80b", "a.txt").text)
    assert "\x00" not in load(b"a stray zero \x00" + b" in a text " * 40, "a.txt").text


def test_html_gives_the_main_text_and_the_title() -> None:
    loaded = load(PAGE.format(f"{SENTENCE} " * 8).encode(), "a.html")
    assert SENTENCE in loaded.text
    assert "Home" not in loaded.text
    assert loaded.title == "Fees & rules"


def test_html_in_its_declared_encoding() -> None:
    page = PAGE.format("Die Gebühr beträgt fünf Euro für jede Woche, die angefangen hat.")
    page = page.replace("<head>", '<head><meta charset="iso-8859-1">')
    assert "Gebühr beträgt fünf" in load(page.encode("iso-8859-1"), "a.html").text


def test_every_row_of_a_csv_has_its_headers() -> None:
    loaded = load(b'name;price\n"Box; large";5\nBag;3\n', "a.csv")
    assert loaded.text == "name; price\nname: Box; large; price: 5\nname: Bag; price: 3"


def test_a_tab_separated_table() -> None:
    assert (
        load(b"name\tprice\nBox\t5\nBag\t3\n", "a.tsv").text == "name; price\nname: Box; price: 5\nname: Bag; price: 3"
    )


def test_word_gives_headings_paragraphs_and_tables_in_order() -> None:
    data = word(heading="Fees", paragraph=SENTENCE, table=[["item", "price"], ["Box", "5"]])
    assert load(data, "a.docx").text == f"# Fees\n\n{SENTENCE}\n\n| item | price |\n| Box | 5 |"


def test_pages_of_a_pdf_are_spans_of_its_text() -> None:
    loaded = load(pdf("First page.", "Second page."), "a.pdf")
    assert [loaded.text[page.start : page.end].strip() for page in loaded.pages] == ["First page.", "Second page."]
    assert [page.number for page in loaded.pages] == [1, 2]


def test_an_offset_in_a_pdf_leads_to_its_place_on_the_page() -> None:
    data = pdf("Nothing here.", f"{SENTENCE} " * 6 + "Sesame opens. " + SENTENCE)
    loaded = load(data, "a.pdf")
    start = loaded.text.index("Sesame") - loaded.pages[1].start
    text_page = pypdfium2.PdfDocument(data)[1].get_textpage()
    boxes = [text_page.get_charbox(start + index) for index in range(6)]
    bounded = text_page.get_text_bounded(
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )
    assert "Sesame" in bounded


COLUMNS = (
    "The left column speaks of apples, which ripen late in September and keep until spring in a cool cellar, where",
    "The right column speaks of pears, which ripen later in October and must be eaten within a few weeks of being",
)


@pytest.mark.parametrize("line_by_line", [False, True])
def test_columns_of_a_pdf_are_read_one_after_the_other(line_by_line: bool) -> None:
    data = columns_pdf([text.split() for text in COLUMNS], line_by_line=line_by_line)

    loaded = load(data, "a.pdf")

    assert " ".join(loaded.text.split()) == " ".join(COLUMNS)
    assert loaded.metadata.get("columns", []) == ([1] if line_by_line else [])
    assert len(loaded.text) == pypdfium2.PdfDocument(data)[0].get_textpage().count_chars()


def test_the_place_of_a_citation_in_columns_is_found_on_the_page(tmp_path: Path) -> None:
    from PIL import Image, ImageChops

    path = tmp_path / "a.pdf"
    path.write_bytes(columns_pdf([text.split() for text in COLUMNS], line_by_line=True))
    loaded = load(path.read_bytes(), "a.pdf")
    start = loaded.text.index("October")

    plain, marked = (
        Image.open(io.BytesIO(draw(path, loaded.pages[0], *span, columns=True)))
        for span in ((0, 0), (start, start + len("October")))
    )

    left, _, right, _ = ImageChops.difference(plain, marked).getbbox() or (0, 0, 0, 0)
    assert plain.width / 2 < left < right < plain.width, "in the right column"
    assert right - left < plain.width / 5, "one word"


def test_rows_of_a_table_in_a_pdf_stay_rows() -> None:
    rows = [("Customer of the house", "Where it lives", "Total")] + [
        (f"Ann {n}", f"Berlin {n}", f"{n}0") for n in range(8)
    ]
    document = FPDF()
    document.set_font("helvetica", size=12)
    document.add_page()
    with document.table() as table:
        for cells in rows:
            table.row(cells)

    assert load(bytes(document.output()), "a.pdf").text.split("\r\n") == [" ".join(cells) for cells in rows]


def test_a_pdf_page_has_one_character_for_each_of_pdfiums() -> None:
    data = pdf(f"{SENTENCE} " * 12, "", "Two\nlines and naïve façade.")
    loaded = load(data, "a.pdf")
    document = pypdfium2.PdfDocument(data)
    counts = [document[index].get_textpage().count_chars() for index in range(3)]
    assert [page.end - page.start for page in loaded.pages] == counts


def test_a_character_with_two_indexes_in_pdfium_keeps_both_places() -> None:
    assert _one_for_one([ord("a"), 0xD83D, 0xDE00, ord("b"), 0xD83D]) == "a😀 b "


HOSTILE = {
    "empty.pdf": (b"", "empty"),
    "blank.txt": (b" \n\t ", "empty"),
    "cut.pdf": (pdf("A page.")[:200], "damaged"),
    "noise.pdf": (bytes(range(256)) * 64, "not a PDF"),
    "page.pdf": (PAGE.format(SENTENCE).encode(), "not what its name says"),
    "words.pdf": (b"Only words, no PDF at all.", "not what its name says"),
    "really-a-pdf.txt": (pdf("A page."), "not what its name says"),
    "locked.pdf": (pdf("A page.", password="secret"), "encrypted"),
    "scan.pdf": (pdf("", ""), "no text"),
    "noise.txt": (bytes(range(256)) * 64, "binary"),
    "picture.png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(64), "binary"),
    "old.doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "password-protected"),
    "cut.docx": (word(heading="a", paragraph="b", table=[["c"]])[:900], "damaged"),
    "scripts.html": (b"<!doctype html><html><body><script>render()</script></body></html>", "no text"),
    "headers.csv": (b",,,\n,,,\n", "no text"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_read_is_refused_with_a_cure(name: str) -> None:
    data, reason = HOSTILE[name]
    with pytest.raises(DocumentError, match=reason) as refused:
        load(data, name)
    assert repr(name) in refused.value.message
    assert refused.value.cure.endswith(".")


def _zip(**members: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return held.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = _zip(word__document_dot_xml=b" " * (64 * 2**20))
    with pytest.raises(DocumentError, match="unpacks to 64 MB"):
        load(bomb, "bomb.docx")


def test_xml_entities_are_refused() -> None:
    laughs = b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    with pytest.raises(DocumentError, match="unsafe"):
        load(_zip(word__document_dot_xml=laughs), "laughs.docx")


@pytest.mark.parametrize(
    ("member", "what"),
    [
        ("xl__workbook_dot_xml", "its content is an Excel"),
        ("ppt__presentation_dot_xml", "PowerPoint"),
        ("a", "archive"),
    ],
)
def test_other_archives_are_named(member: str, what: str) -> None:
    with pytest.raises(DocumentError, match=what):
        load(_zip(**{member: b"x"}), "a.docx")


def test_a_file_without_an_extension_is_told_by_its_content() -> None:
    assert load(pdf("A page."), "README").media_type == "application/pdf"


def test_a_declared_media_type_stands_for_an_extension() -> None:
    assert load(b"a,b\n1,2\n", "http://host/export", declared="text/csv").text == "a; b\na: 1; b: 2"
