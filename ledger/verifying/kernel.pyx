# cython: language_level=3, embedsignature=False
"""`common_rows.py` in C, where that could be compiled: the same rows are common, or fewer.

1. A row is common, or it is not; nothing is found to be wrong here. What is not common is left to `plain_rows.py`,
   which goes by the words of the reference. So all that matters is that no row is called common that the reference
   would complain about.
2. What is read may be hostile. Text is a pair of pointers, where one is and where the text ends, and only the small
   functions of `texts.pxi` move the first one, having compared it with the second. NULL says that something else stands
   there, and is handed on by each of them, so that one look at the end is enough.
3. A column may hold a value of any type; each is looked at before it is used as what it should be.
4. Pointers lie in `bytes` and `str` that the list of rows, or a variable here, keeps alive.
5. Nothing here is an implementation of a hash: `hashing.pxi` calls the library that hashlib has.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.long cimport PyLong_CheckExact
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from libc.string cimport memcmp, memcpy

from ledger.proof.entry import MAX_ENTRY, V
from ledger.proof.sections import MAX_PAYLOAD, SALT_BYTES, TAG
from ledger.verifying.payloads import is_canonical_object
from ledger.verifying.plain_rows import TELLING

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object, int*) except? -1
    const char* PyUnicode_AsUTF8AndSize(object, Py_ssize_t*) except NULL
    bint PyUnicode_CheckExact(object)
    bint PyUnicode_IS_ASCII(object)

cdef enum:
    ID = 32
    FRAME = 5
    LONGEST_COMMAND = 4096

cdef Py_ssize_t LONGEST_ENTRY = MAX_ENTRY
cdef Py_ssize_t SALTED = FRAME + SALT_BYTES
cdef Py_ssize_t LONGEST_SECTION = SALTED + MAX_PAYLOAD
cdef tuple TOLD = tuple(sorted(TELLING))
cdef bytes AFTER_TYPE = f',"v":"{V}","version":'.encode()

cdef bytes PREFIX = TAG + b"\x00"

include "texts.pxi"
include "hashing.pxi"

cdef struct Wanted:
    # What an entry has to say.
    long long seq, version, n, of
    Text at  # of the entry before
    Piece head  # the entry before, up to the number in its command
    Piece command  # the column; NULL where there is none
    Piece between, name, after_type
    const unsigned char* commit
    const unsigned char* prev

cdef struct Said:
    # What it says beyond that; all but the type only where it is the first of a command.
    long long of
    Text at
    Text digest
    Text after_head
    Piece type


cdef bint is_entry(Text at, Text end, const Wanted* row, Said* said) noexcept nogil:
    """Whether this is the entry that a row ought to have, from its first byte to its last."""
    cdef long long n, of, seq, version
    cdef Text begin = at
    if row.n:
        if row.head.length == 0 or row.command.start != NULL:
            return False
        at = number(piece(at, end, row.head), end, &n)
    else:
        if not 1 <= row.command.length <= LONGEST_COMMAND:
            return False
        at = string(literal(at, end, b'{"actor":{"id":"'), end)
        at = string(literal(at, end, b',"org":"'), end)
        at = string(literal(at, end, b',"role":"'), end)
        at = literal(at, end, b'},"at":"')
        begin = at
        at = literal(time_from(at, end, row.at), end, b'","command":{"digest":"')
        said.at = begin
        said.digest = at
        at = literal(hexadecimal(at, end, 2 * HASH), end, b'","id":"')
        begin = piece(at, end, row.command)
        at = clean(at, end)
        at = literal(at if at == begin else NULL, end, b'","n":')
        said.after_head = at
        at = number(at, end, &n)
    at = number(literal(at, end, b',"of":'), end, &of)
    if n != row.n or (of != row.of if row.n else of < 1):
        return False
    said.of = of
    at = hexadecimal(literal(at, end, b'},"id":"'), end, ID)
    at = digest_in_hex(piece(at, end, row.between), end, row.commit)
    at = digest_in_hex(literal(at, end, b'"}],"prev":"'), end, row.prev)
    at = piece(number(literal(at, end, b'","seq":'), end, &seq), end, row.name)
    said.type.start = at
    at = string(at, end)
    said.type.length = 0 if at == NULL else at - 1 - said.type.start
    at = literal(number(piece(at, end, row.after_type), end, &version), end, b'}')
    return at == end and seq == row.seq and version == row.version and version > 0


cdef bint is_told(Piece type_):
    """Whether somebody asks for events of this type."""
    cdef bytes each
    for each in TOLD:
        if type_.length == PyBytes_GET_SIZE(each) and memcmp(type_.start, PyBytes_AS_STRING(each), type_.length) == 0:
            return True
    return False


cdef bint is_section(bytes stored):
    """Whether this is the frame of one readable section, which holds an object in canonical JSON."""
    cdef Py_ssize_t length = PyBytes_GET_SIZE(stored), body = length - FRAME
    if not SALTED <= length <= LONGEST_SECTION:
        return False
    cdef const unsigned char* frame = <const unsigned char*>PyBytes_AS_STRING(stored)
    if frame[0] != 0 or frame[1] != 0 or (frame[2] << 16 | frame[3] << 8 | frame[4]) != body:
        return False
    cdef Text at = <Text>frame + SALTED, end = <Text>frame + length
    if at < end and at[0] == c'{' and value(at, end, 0) == end:
        return True
    return is_canonical_object(stored[SALTED:])


cdef inline bint as_piece(object text, Piece* found) except -1:
    """Whether this is text in ASCII; it has to be kept as long as the piece."""
    if not PyUnicode_CheckExact(text) or not PyUnicode_IS_ASCII(text):
        return False
    found.start = PyUnicode_AsUTF8AndSize(text, &found.length)
    return True


cdef inline bint as_number(object number_, long long* found) except -1:
    cdef int overflow = 0
    if not PyLong_CheckExact(number_):
        return False
    found[0] = PyLong_AsLongLongAndOverflow(number_, &overflow)
    return overflow == 0


cdef inline const unsigned char* as_hash(object digest) except NULL:
    if not PyBytes_CheckExact(digest) or PyBytes_GET_SIZE(digest) != HASH:
        raise ValueError("no hash")
    return <const unsigned char*>PyBytes_AS_STRING(digest)


cdef class CommonRows:
    """Walks through the common rows of one ledger: see `common_rows.py`."""

    cdef object names
    cdef bytes between

    def __init__(self, object names, str origin) -> None:
        self.names = names
        self.between = f'","origin":"{origin}","parts":[{{"class":"plain","commit":"'.encode()

    def take(self, list rows, list hashes, list commits, Py_ssize_t index, stand) -> int:
        """The index of the first row from `index` on that is not common; `stand` has come up to it."""
        cdef Wanted row
        cdef Said said
        cdef Piece at
        cdef Text digest = NULL
        cdef long long last_version
        cdef Py_ssize_t begin = index
        cdef Text start
        cdef PyObject* known
        cdef dict first = stand.first, versions = stand.versions
        # What is pointed to: kept by these at first, then by the lists.
        cdef object last_head = stand.head, last_at = stand.at, last_prev = bytes.fromhex(stand.prev)
        cdef object command_id = None
        if not as_piece(last_head, &row.head) or not as_piece(last_at, &at) or at.length != AT:
            return index
        row.at, row.n, row.of, row.prev = at.start, stand.n, stand.of, as_hash(last_prev)
        row.between = Piece(PyBytes_AS_STRING(self.between), PyBytes_GET_SIZE(self.between))
        row.after_type = Piece(PyBytes_AS_STRING(AFTER_TYPE), PyBytes_GET_SIZE(AFTER_TYPE))

        while index < len(rows):
            seq, key, version, command, entry, sections = <tuple?>rows[index]
            if not (as_number(seq, &row.seq) and as_number(version, &row.version) and PyLong_CheckExact(key)):
                break
            if not PyBytes_CheckExact(entry) or PyBytes_GET_SIZE(entry) > LONGEST_ENTRY:
                break
            if command is None:
                row.command = Piece(NULL, 0)
            elif not as_piece(command, &row.command):
                break
            known = PyDict_GetItemWithError(self.names, key)
            name = <object>known if known != NULL else self.names[key]
            if not as_piece(name, &row.name):
                break
            row.commit = as_hash(commits[index])
            start = PyBytes_AS_STRING(entry)
            if not is_entry(start, start + PyBytes_GET_SIZE(entry), &row, &said) or is_told(said.type):
                break
            known = PyDict_GetItemWithError(versions, key)
            if known != NULL and not (as_number(<object>known, &last_version) and row.version == last_version + 1):
                break
            if not PyBytes_CheckExact(sections) or not is_section(sections):
                break

            # It is common.
            if known == NULL:
                first[key] = version
            versions[key] = version
            if row.n == 0:
                row.at, row.of, command_id, digest = said.at, said.of, command, said.digest
                row.head = Piece(start, said.after_head - start)
            row.n = row.n + 1 if row.n + 1 < row.of else 0
            row.prev = as_hash(hashes[index])
            index += 1

        if index > begin:
            stand.prev, stand.at, stand.n, stand.of = row.prev[:HASH].hex(), row.at[:AT].decode(), row.n, row.of
            stand.head = row.head.start[:row.head.length].decode()
            if digest != NULL:
                stand.command = command_id, digest[:2 * HASH].decode()
        return index
