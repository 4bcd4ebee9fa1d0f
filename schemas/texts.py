"""What people see of a text: names from requests, files and RealtimeKit are compared and shown without the rest."""

import unicodedata

UNSEEN = ("Zs", "Zl", "Zp", "Cc", "Cf")
"""Unicode's categories of characters that show nothing: blanks of any width, controls, marks of direction."""
FIRST_TAG, LAST_TAG = "\U000e0020", "\U000e007f"
"""Characters that show nothing by themselves, but say whose flag stands before them (Unicode TR51)."""


def shows_nothing(text: str) -> bool:
    """Return whether nobody sees this text: it has blanks, zero-width characters and marks of direction alone."""
    return all(unicodedata.category(character) in UNSEEN for character in text)


def trimmed(text: str) -> str:
    """Return the text without what nobody sees at its ends."""
    start, end = 0, len(text)
    while start < end and is_blank(text[start]):
        start += 1
    while end > start and is_blank(text[end - 1]):
        end -= 1
    return "" if shows_nothing(text[start:end]) else text[start:end]


def is_blank(character: str) -> bool:
    """Return whether a character shows nothing, whatever stands before it."""
    return unicodedata.category(character) in UNSEEN and not FIRST_TAG <= character <= LAST_TAG
