"""A meeting is recognised by the key at the end of its title, and by nothing else."""

from orchestrator.realtimekit.titles import (
    MAX_TITLE_CHARACTERS,
    ends_with_key,
    parent_key,
    room_key,
    title_with_key,
)


def test_the_title_carries_name_install_and_key() -> None:
    assert title_with_key("Physics", "a1b2c3d4", "k7") == "Physics [a1b2c3d4-k7]"


def test_a_long_name_is_cut_and_the_key_stays_whole() -> None:
    title = title_with_key("x" * 500, "a1b2c3d4", "k7")
    assert len(title) == MAX_TITLE_CHARACTERS
    assert ends_with_key(title, "a1b2c3d4", "k7")


def test_only_the_whole_key_matches() -> None:
    title = title_with_key("Room", "a1b2c3d4", "k7")
    assert ends_with_key(title, "a1b2c3d4", "k7")
    assert not ends_with_key(title, "a1b2c3d4", "7")
    assert not ends_with_key(title, "a1b2c3d4", "k")
    assert not ends_with_key(title, "ffffffff", "k7")
    assert not ends_with_key(f"{title} copy", "a1b2c3d4", "k7")


def test_a_key_in_the_name_of_a_room_does_not_count() -> None:
    assert not ends_with_key(title_with_key("Room [a1b2c3d4-k7]", "a1b2c3d4", "k8"), "a1b2c3d4", "k7")


def test_the_key_of_a_parent_is_not_the_key_of_a_room() -> None:
    room, parent = (title_with_key("Physics", "a1b2c3d4", key) for key in ("0123456789ab", "m0123456789ab"))
    assert (room_key(room, "a1b2c3d4"), parent_key(room, "a1b2c3d4")) == ("0123456789ab", None)
    assert (room_key(parent, "a1b2c3d4"), parent_key(parent, "a1b2c3d4")) == (None, "m0123456789ab")
