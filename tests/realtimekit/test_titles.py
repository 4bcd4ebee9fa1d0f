"""A meeting is found again by the ending of its title, and by nothing else."""

from orchestrator.realtimekit.titles import LONGEST, ends_with_key, install_id, parent_key, room_key, title_with_key


def test_the_title_carries_name_install_and_key() -> None:
    assert title_with_key("Physics", "a1b2c3d4", "k7") == "Physics [a1b2c3d4-k7]"


def test_a_long_name_is_cut_and_the_key_stays_whole() -> None:
    title = title_with_key("x" * 500, "a1b2c3d4", "k7")
    assert len(title) == LONGEST
    assert ends_with_key(title, "a1b2c3d4", "k7")


def test_only_the_very_key_matches() -> None:
    title = title_with_key("Room", "a1b2c3d4", "k7")
    assert ends_with_key(title, "a1b2c3d4", "k7")
    assert not ends_with_key(title, "a1b2c3d4", "7")
    assert not ends_with_key(title, "a1b2c3d4", "k")
    assert not ends_with_key(title, "ffffffff", "k7")
    assert not ends_with_key(f"{title} copy", "a1b2c3d4", "k7")


def test_a_room_whose_name_looks_like_a_key_does_not_fool_us() -> None:
    assert not ends_with_key(title_with_key("Room [a1b2c3d4-k7]", "a1b2c3d4", "k8"), "a1b2c3d4", "k7")


def test_an_install_is_short_stable_and_secret() -> None:
    assert install_id("secret") == install_id("secret")
    assert install_id("secret") != install_id("another")
    assert len(install_id("secret")) == 8
    assert set(install_id("secret")) <= set("0123456789abcdef")


def test_a_parents_key_is_no_rooms_key() -> None:
    room, parent = (title_with_key("Physics", "a1b2c3d4", key) for key in ("0123456789ab", "m0123456789ab"))
    assert (room_key(room, "a1b2c3d4"), parent_key(room, "a1b2c3d4")) == ("0123456789ab", None)
    assert (room_key(parent, "a1b2c3d4"), parent_key(parent, "a1b2c3d4")) == (None, "m0123456789ab")
