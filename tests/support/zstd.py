"""Packs bytes with zstd, which Python's own library lacks; the program needs the same library to unpack them."""

import ctypes


def compress_zstd(content):
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    library.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    library.ZSTD_compress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    packed = ctypes.create_string_buffer(library.ZSTD_compressBound(len(content)))
    size = library.ZSTD_compress(packed, len(packed), content, len(content), 3)
    return packed.raw[:size]
