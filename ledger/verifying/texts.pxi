# Reading text that may be hostile, for `kernel.pyx`, which says how: part of an entry, or JSON.

from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy, strlen

cdef enum:
    HASH = 32
    AT = 27
    DEEPEST = 8  # of lists and objects in a payload; what is deeper is left to `payloads.py`
    MOST_DIGITS = 15

# A byte eight times, for what looks at eight bytes at once.
cdef uint64_t ONES = 0x0101010101010101
cdef uint64_t HIGHEST = 0x80 * <uint64_t>0x0101010101010101

cdef const char* TIME = b"0000-00-00T00:00:00.000000Z"
ctypedef const char* Text

cdef struct Piece:
    Text start
    Py_ssize_t length


# Each of these gives what comes after the thing that has to stand at `at`, and NULL where it does not stand there.

cdef inline Text piece(Text at, Text end, Piece wanted) noexcept nogil:
    if at == NULL or wanted.start == NULL or end - at < wanted.length:
        return NULL
    return at + wanted.length if memcmp(at, wanted.start, wanted.length) == 0 else NULL


cdef inline Text literal(Text at, Text end, const char* wanted) noexcept nogil:
    return piece(at, end, Piece(wanted, strlen(wanted)))


cdef inline Text hexadecimal(Text at, Text end, Py_ssize_t count) noexcept nogil:
    """So many digits."""
    if at == NULL or end - at < count:
        return NULL
    cdef unsigned char each, other = 0
    cdef Py_ssize_t i
    for i in range(count):
        each = at[i]
        other |= (each < c'0') | (each > c'f') | ((each > c'9') & (each < c'a'))
    return NULL if other else at + count


cdef inline bint is_clean(uint64_t text) noexcept nogil:
    """Whether eight bytes are ASCII that stands in a string as it is: no quote, backslash or control character.

    Of `each - 1 & ~each`, the highest bit is set where a byte is 0, in the lowest such byte at least; so with `- 32`
    where one is less than 32.
    """
    cdef uint64_t quotes = text ^ (c'"' * ONES), backslashes = text ^ (c'\\' * ONES)
    cdef uint64_t found = text | (text - 0x20 * ONES & ~text)
    found |= (quotes - ONES & ~quotes) | (backslashes - ONES & ~backslashes)
    return found & HIGHEST == 0


cdef inline Text clean(Text at, Text end) noexcept nogil:
    """As many of those as there are."""
    cdef uint64_t text
    if at == NULL:
        return NULL
    while end - at >= <Py_ssize_t>sizeof(text):
        memcpy(&text, at, sizeof(text))
        if not is_clean(text):
            break
        at += sizeof(text)
    while at < end and 0x20 <= <unsigned char>at[0] <= 0x7F and at[0] != c'"' and at[0] != c'\\':
        at += 1
    return at


cdef inline Text string(Text at, Text end) noexcept nogil:
    """What is left of a string in ASCII without escapes after its first quote, with the last one."""
    return literal(clean(at, end), end, b'"')


cdef inline Text number(Text at, Text end, long long* value) noexcept nogil:
    """Digits, no more than `MOST_DIGITS`, the first not 0 unless it is the only one."""
    value[0] = 0
    if at == NULL or at >= end or not c'0' <= at[0] <= c'9':
        return NULL
    cdef Text begin = at
    while at < end and at - begin < MOST_DIGITS and c'0' <= at[0] <= c'9':
        value[0] = 10 * value[0] + (at[0] - c'0')
        at += 1
    return NULL if begin[0] == c'0' and at - begin > 1 else at


cdef inline Text digest_in_hex(Text at, Text end, const unsigned char* digest) noexcept nogil:
    if at == NULL or end - at < 2 * HASH:
        return NULL
    cdef unsigned char high, low, different = 0
    cdef int i
    for i in range(HASH):
        high, low = digest[i] >> 4, digest[i] & 15
        high += c'0' + (high > 9) * (c'a' - c'9' - 1)
        low += c'0' + (low > 9) * (c'a' - c'9' - 1)
        different |= (<unsigned char>at[2 * i] ^ high) | (<unsigned char>at[2 * i + 1] ^ low)
    return NULL if different else at + 2 * HASH


cdef inline int two_digits(Text at) noexcept nogil:
    return 10 * (at[0] - c'0') + (at[1] - c'0')


cdef Text time_from(Text at, Text end, Text last) noexcept nogil:
    """A time of an entry, which is none before `last`."""
    if at == NULL or end - at < AT:
        return NULL
    cdef int i, compared = memcmp(at, last, AT)
    if compared <= 0:
        return at + AT if compared == 0 else NULL
    for i in range(AT):
        if not c'0' <= at[i] <= c'9' if TIME[i] == c'0' else at[i] != TIME[i]:
            return NULL
    cdef int century = two_digits(at), year = two_digits(at + 2), month = two_digits(at + 5), days = 31
    if month == 4 or month == 6 or month == 9 or month == 11:
        days = 30
    elif month == 2:
        days = 29 if (year % 4 == 0 if year else century % 4 == 0) else 28
    if (
        (century == 0 and year == 0) or not 1 <= month <= 12 or not 1 <= two_digits(at + 8) <= days
        or two_digits(at + 11) > 23 or two_digits(at + 14) > 59 or two_digits(at + 17) > 59
    ):
        return NULL
    return at + AT


cdef Text character(Text at, Text end) noexcept nogil:
    """A character beyond ASCII in UTF-8, in one of the forms that the Unicode standard lists (table 3-7)."""
    cdef unsigned char first = at[0], lowest = 0x80, highest = 0xBF
    cdef int more, i
    if 0xC2 <= first <= 0xDF:
        more = 1
    elif 0xE0 <= first <= 0xEF:
        more = 2
        lowest = 0xA0 if first == 0xE0 else 0x80
        highest = 0x9F if first == 0xED else 0xBF  # beyond are surrogates
    elif 0xF0 <= first <= 0xF4:
        more = 3
        lowest = 0x90 if first == 0xF0 else 0x80
        highest = 0x8F if first == 0xF4 else 0xBF
    else:
        return NULL
    if end - at <= more or not lowest <= <unsigned char>at[1] <= highest:
        return NULL
    for i in range(2, more + 1):
        if not 0x80 <= <unsigned char>at[i] <= 0xBF:
            return NULL
    return at + 1 + more


cdef Text value(Text at, Text end, int level) noexcept nogil:
    """A value in canonical JSON, if it is of the usual kind."""
    cdef long long ignored
    if at == NULL or at >= end:
        return NULL
    cdef char first = at[0]
    if first == c'"':
        at = clean(at + 1, end)
        while at != NULL and at < end and <unsigned char>at[0] >= 0x80:
            at = clean(character(at, end), end)
        return literal(at, end, b'"')
    if first == c'{':
        return members(at + 1, end, level) if level < DEEPEST else NULL
    if first == c'[':
        return items(at + 1, end, level) if level < DEEPEST else NULL
    if first == c't':
        return literal(at, end, b'true')
    if first == c'f':
        return literal(at, end, b'false')
    if first == c'n':
        return literal(at, end, b'null')
    if first == c'-':
        at = number(at + 1, end, &ignored)
        return at if ignored else NULL
    return number(at, end, &ignored)


cdef Text items(Text at, Text end, int level) noexcept nogil:
    """What is left of a list."""
    if at < end and at[0] == c']':
        return at + 1
    while True:
        at = value(at, end, level + 1)
        if at == NULL or at >= end or at[0] != c',':
            return literal(at, end, b']')
        at += 1


cdef Text members(Text at, Text end, int level) noexcept nogil:
    """What is left of an object, whose keys are ASCII without escapes, each larger than that before it."""
    if at < end and at[0] == c'}':
        return at + 1
    cdef Piece key, last = Piece(NULL, 0)
    cdef int compared
    while True:
        at = literal(at, end, b'"')
        key.start = at
        at = string(at, end)
        if at == NULL:
            return NULL
        key.length = at - 1 - key.start
        if last.start != NULL:
            compared = memcmp(last.start, key.start, min(last.length, key.length))
            if compared > 0 or (compared == 0 and last.length >= key.length):
                return NULL
        last = key
        at = value(literal(at, end, b':'), end, level + 1)
        if at == NULL or at >= end or at[0] != c',':
            return literal(at, end, b'}')
        at += 1
