"""The dossier: what was known of a trial at one point, for one role, each number with the events behind it.

`docs/reconstruct.md` says what is in it. It is made as an export is (`api/exports/making.py`), and recorded as one.

    making.py     the kind of export, and what it is told beside the position
    words.py      every text; nothing else holds one
    gathering.py  the sections, out of views: state.py the first one, tables.py how a view is a table
    behind.py     which events stand behind the numbers of the outcome tables
    changes.py    what was recorded between two positions
    integrity.py  what the verification of the whole file says
    pages.py, html.py, pdf.py, machine.py    the same as a page, as pages to print, and for programs
"""
