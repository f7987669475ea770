"""A report as PDF, by fpdf2 (extra `exports`), in the fonts that every reader of PDF has.

These fonts show Latin-1 only: any other character is written as its escape, `\\u20ac`. The bytes are a function of the
report: the only date in them is that of the verification.
"""

from typing import TYPE_CHECKING, Final

from api.report.document import Blanks, Block, Bullets, Code, Document, Paragraph, Table

if TYPE_CHECKING:
    from fpdf import FPDF

_TEXT: Final = "Helvetica"
_EXACT: Final = "Courier"
_MARGIN: Final = 18.0
_LINE: Final = 4.6
_COLOURS: Final = {"good": ((11, 107, 52), (231, 246, 236)), "bad": ((164, 14, 38), (253, 235, 236))}
_GREY: Final = (87, 96, 106)
_HEAD: Final = (238, 241, 244)
_RULE: Final = (196, 204, 212)
_PAGES: Final = "\x02nn\x03"
"""Stands for the number of pages until that is known; no text can hold it, as control characters are escaped."""


class NoPdfError(Exception):
    """fpdf2 is not installed."""


def as_pdf(document: Document) -> bytes:
    """The report as PDF. Raises NoPdfError."""
    try:
        import fpdf
    except ImportError:
        raise NoPdfError from None

    class Pages(fpdf.FPDF):
        def footer(self) -> None:
            """Which report it is, and which page of it."""
            self.set_y(-13)
            self.set_font(_TEXT, size=7.5)
            self.set_text_color(*_GREY)
            number = f"{self.page_no()} / {_PAGES}"
            self.cell(self.epw - 20, 5, _latin(document.footer))
            self.cell(0, 5, number)

    pdf = Pages(orientation="landscape" if document.landscape else "portrait", format="A4")
    pdf.set_creation_date(document.made)
    pdf.alias_nb_pages(_PAGES)
    pdf.set_lang(document.language)
    pdf.set_title(_latin(f"{document.title}: {document.subtitle}"))
    pdf.set_display_mode("real")
    pdf.set_margins(_MARGIN, 16, _MARGIN)
    pdf.set_auto_page_break(True, 18)
    pdf.set_draw_color(*_RULE)
    pdf.c_margin = 0
    pdf.add_page()
    _write(pdf, document.title, size=18, style="B", line=8.5)
    _write(pdf, document.subtitle, size=10, colour=_GREY)
    for section in document.sections:
        _heading(pdf, section.title)
        for block in section.blocks:
            _block(pdf, block)
    return bytes(pdf.output())


def _heading(pdf: "FPDF", title: str) -> None:
    if pdf.will_page_break(42):  # never alone at the foot of a page
        pdf.add_page()
    pdf.ln(5)
    pdf.start_section(_latin(title))
    _write(pdf, title, size=12.5, style="B", line=6.5)
    pdf.line(pdf.l_margin, pdf.get_y(), pdf.l_margin + pdf.epw, pdf.get_y())
    pdf.ln(2)


def _block(pdf: "FPDF", block: Block) -> None:
    match block:
        case Paragraph(text, "plain"):
            _write(pdf, text)
        case Paragraph(text, "aside"):
            _write(pdf, text, colour=_GREY)
        case Paragraph(text, tone):
            colour, back = _COLOURS[tone]
            pdf.set_fill_color(*back)
            pdf.c_margin = 3
            _write(pdf, text, size=12, style="B", colour=colour, line=8, fill=True)
            pdf.c_margin = 0
        case Bullets(items):
            for item in items:
                left, top = pdf.l_margin, pdf.get_y()
                if pdf.will_page_break(_LINE):
                    pdf.add_page()
                    top = pdf.get_y()
                pdf.set_font(_TEXT, size=9.5)
                pdf.set_text_color(0)
                pdf.set_xy(left, top)
                pdf.cell(4, _LINE, "-")
                pdf.set_left_margin(left + 4)
                _write(pdf, item, after=0.8)
                pdf.set_left_margin(left)
            pdf.set_xy(pdf.l_margin, pdf.get_y() + 1)
        case Code(text):
            pdf.set_fill_color(*_HEAD)
            pdf.c_margin = 2
            _write(pdf, text, family=_EXACT, size=8.5, fill=True)
            pdf.c_margin = 0
        case Table():
            _table(pdf, block)
        case Blanks(caption, labels):
            if pdf.will_page_break(12.0 * len(labels) + 8):
                pdf.add_page()
            _write(pdf, caption, colour=_GREY, after=0)
            for label in labels:
                pdf.ln(9)
                pdf.set_font(_TEXT, size=9.5)
                pdf.set_text_color(0)
                pdf.cell(45, _LINE, _latin(label))
                bottom = pdf.get_y() + _LINE
                pdf.line(pdf.get_x(), bottom, pdf.l_margin + pdf.epw, bottom)
                pdf.ln(2)


def _table(pdf: "FPDF", table: Table) -> None:
    from fpdf.enums import TableBordersLayout, VAlign, WrapMode
    from fpdf.fonts import FontFace

    if pdf.will_page_break(22):
        pdf.add_page()
    pdf.set_x(pdf.l_margin)
    _write(pdf, table.caption, size=8.5, colour=_GREY, after=0.5)
    pdf.set_font(_TEXT, size=8)
    pdf.set_text_color(0)
    pdf.set_fill_color(255)
    exact = FontFace(family=_EXACT, size_pt=7.5)
    plain = FontFace(family=_TEXT, size_pt=8)
    with pdf.table(
        col_widths=tuple(table.widths),
        text_align="LEFT",
        v_align=VAlign.T,
        line_height=3.8,
        padding=(0.9, 1.2),
        headings_style=FontFace(emphasis="BOLD", fill_color=_HEAD),
        borders_layout=TableBordersLayout.ALL,
        wrapmode=WrapMode.WORD,
    ) as drawn:
        heads = drawn.row()
        for column in table.columns:
            heads.cell(_latin(column))
        for row in table.rows:
            cells = drawn.row()
            for place, cell in enumerate(row):
                cells.cell(_latin(cell), style=exact if place in table.exact else plain)
    pdf.ln(3)


def _write(
    pdf: "FPDF",
    text: str,
    *,
    family: str = _TEXT,
    size: float = 9.5,
    style: str = "",
    colour: tuple[int, int, int] = (0, 0, 0),
    line: float = _LINE,
    fill: bool = False,
    after: float = 1.6,
) -> None:
    pdf.set_font(family, style=style, size=size)
    pdf.set_text_color(*colour)
    pdf.multi_cell(
        pdf.w - pdf.r_margin - pdf.x, line, _latin(text), align="L", fill=fill, new_x="LMARGIN", new_y="NEXT"
    )
    pdf.ln(after)


def _latin(text: str) -> str:
    """What the fonts can show."""
    return text.encode("latin-1", "backslashreplace").decode("latin-1")
