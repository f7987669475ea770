# SHA-256 by the library that hashlib has: the same functions, called without making an object for each message.

cdef extern from *:
    """
    typedef void *(*ctx_new_t)(void);
    typedef void (*ctx_free_t)(void *);
    typedef const void *(*sha256_t)(void);
    typedef int (*init_t)(void *, const void *, void *);
    typedef int (*update_t)(void *, const void *, size_t);
    typedef int (*final_t)(void *, unsigned char *, unsigned int *);
    """
    ctypedef void* (*ctx_new_t)() noexcept nogil
    ctypedef void (*ctx_free_t)(void*) noexcept nogil
    ctypedef const void* (*sha256_t)() noexcept nogil
    ctypedef int (*init_t)(void*, const void*, void*) noexcept nogil
    ctypedef int (*update_t)(void*, const void*, size_t) noexcept nogil
    ctypedef int (*final_t)(void*, unsigned char*, unsigned int*) noexcept nogil


cdef class Hashing:
    """Hashes rows and trees. `functions`: addresses of EVP_MD_CTX_new, EVP_MD_CTX_free, EVP_sha256,
    EVP_DigestInit_ex, EVP_DigestUpdate and EVP_DigestFinal_ex of OpenSSL.
    """

    cdef void* context
    cdef ctx_free_t free
    cdef init_t init
    cdef update_t update
    cdef final_t final

    def __cinit__(self, functions) -> None:
        new, free, sha256, init, update, final = functions
        self.free = <ctx_free_t><size_t>free
        self.init = <init_t><size_t>init
        self.update = <update_t><size_t>update
        self.final = <final_t><size_t>final
        self.context = (<ctx_new_t><size_t>new)()
        if self.context == NULL or self.init(self.context, (<sha256_t><size_t>sha256)(), NULL) != 1:
            raise MemoryError
        # From here on it begins anew without a name: OpenSSL 3 looks an algorithm up each time that it is named.

    def __dealloc__(self) -> None:
        if self.context != NULL:
            self.free(self.context)

    cdef bytes digest(self, Piece prefix, Piece message):
        cdef bytes found = PyBytes_FromStringAndSize(NULL, HASH)  # nobody else has it yet
        if (
            self.init(self.context, NULL, NULL) != 1
            or self.update(self.context, prefix.start, prefix.length) != 1
            or self.update(self.context, message.start, message.length) != 1
            or self.final(self.context, <unsigned char*>PyBytes_AS_STRING(found), NULL) != 1
        ):
            raise MemoryError
        return found

    def rows(self, list rows) -> tuple:
        """The leaf hashes of entries, and the commitments that they ought to have. Raises TypeError."""
        cdef list hashes = [], commits = []
        cdef Piece leaf = Piece(b"\x00", 1), salted = Piece(PyBytes_AS_STRING(PREFIX), PyBytes_GET_SIZE(PREFIX))
        cdef Py_ssize_t length
        for row in rows:
            _, _, _, _, entry, sections = <tuple?>row
            if not PyBytes_CheckExact(entry) or not PyBytes_CheckExact(sections):
                raise TypeError("entry or sections are no bytes")
            hashes.append(self.digest(leaf, Piece(PyBytes_AS_STRING(entry), PyBytes_GET_SIZE(entry))))
            length = PyBytes_GET_SIZE(sections)
            # What is shorter than a frame's head is no section: whatever is hashed of it, it is not common.
            commits.append(
                self.digest(salted, Piece(PyBytes_AS_STRING(sections) + FRAME, length - FRAME) if length >= FRAME
                            else Piece(PyBytes_AS_STRING(sections), 0))
            )
        return hashes, commits

    def root(self, list leaves) -> bytes:
        """The root of a perfect tree over leaf hashes, a power of two of them (RFC 9162 section 2.1.1)."""
        cdef Py_ssize_t count = len(leaves), at
        cdef unsigned char* nodes
        cdef Piece node = Piece(b"\x01", 1)
        cdef bytes level = b"".join(leaves)
        if count < 1 or count & (count - 1) or PyBytes_GET_SIZE(level) != count * HASH:
            raise ValueError("no perfect tree")
        nodes = <unsigned char*>PyMem_Malloc(count * HASH)
        if nodes == NULL:
            raise MemoryError
        try:
            memcpy(nodes, PyBytes_AS_STRING(level), count * HASH)
            while count > 1:
                count //= 2
                for at in range(count):  # a node is written before where later ones of its level are read
                    if (
                        self.init(self.context, NULL, NULL) != 1
                        or self.update(self.context, node.start, 1) != 1
                        or self.update(self.context, nodes + 2 * HASH * at, 2 * HASH) != 1
                        or self.final(self.context, nodes + HASH * at, NULL) != 1
                    ):
                        raise MemoryError
            return PyBytes_FromStringAndSize(<char*>nodes, HASH)
        finally:
            PyMem_Free(nodes)
