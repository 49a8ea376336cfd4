"""What a secret may be, and how it is kept exact."""

from sharelink.errors import InvalidInput


def exact_secret(typed: str, max_bytes: int) -> bytes:
    """Return the UTF-8 bytes of a secret as it came from a form: line ends become LF, every other code point stays.

    Raises:
        InvalidInput: empty, longer than `max_bytes`, or with a character that cannot be kept.
    """
    text = typed.replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise InvalidInput({"secret": "Paste or generate the secret first."})
    if "\0" in text:
        raise InvalidInput({"secret": "The text holds a NUL character, which cannot be sent. Remove it."})
    try:
        secret = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput({"secret": "The text holds half of a character. Copy it again."}) from error
    if len(secret) > max_bytes:
        raise InvalidInput(
            {"secret": f"The text is too long: {len(secret):,} bytes, and {max_bytes:,} are the most. Shorten it."}
        )
    return secret
