"""Padding that hides a secret's length: one size up to 252 bytes, then Padmé (at most 12 % more)."""

import struct

SMALLEST_BYTES = 256
_LENGTH = struct.Struct(">I")


class PaddingBroken(ValueError):
    """The bytes were not made by `pad`."""


def pad(content: bytes) -> bytes:
    """Return length, content and zeros, as long as `padded_size` says."""
    framed = _LENGTH.pack(len(content)) + content
    return framed.ljust(padded_size(len(framed)), b"\0")


def unpad(padded: bytes) -> bytes:
    """Return the content.

    Raises:
        PaddingBroken: length or zeros are not those of `pad`.
    """
    if len(padded) < SMALLEST_BYTES:
        raise PaddingBroken("too short")
    (length,) = _LENGTH.unpack_from(padded)
    end = _LENGTH.size + length
    if end > len(padded) or padded_size(end) != len(padded) or any(padded[end:]):
        raise PaddingBroken("not padded by us")
    return padded[_LENGTH.size : end]


def padded_size(length_bytes: int) -> int:
    """Return the size in bytes to which `length_bytes` is rounded up.

    Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", 2019): keep only as many leading bits of
    the length as the length of its own bit count.
    """
    if length_bytes <= SMALLEST_BYTES:
        return SMALLEST_BYTES
    exponent = length_bytes.bit_length() - 1
    kept_bits = exponent.bit_length()
    mask = (1 << (exponent - kept_bits)) - 1
    return (length_bytes + mask) & ~mask
