"""Which addresses our webhooks may call."""

import pytest

from orchestrator.domain.addresses import may_call

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "0.1.2.3",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "100::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "64:ff9b:1::a00:1",
    "::ffff:0:10.0.0.1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "2001:0:808:808::1",
    "2606:4700::5efe:10.0.0.1",
]
NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "64:ff9b:1:a9fe:a9:fe00::",
    "64:ff9b:1:a9:fe:a9fe::",
    "64:ff9b:1:0:a9:fea9:fe00:0",
    "::ffff:0:169.254.169.254",
    "2002:a9fe:a9fe::1",
    "fd00:c1::a9fe:a9fe",
    "no address",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert may_call(address, private=False)
    assert may_call(address, private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_may_be_called_only_where_a_setting_says_so(address: str) -> None:
    assert not may_call(address, private=False)
    assert may_call(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_link_local_and_metadata_addresses_may_never_be_called(address: str) -> None:
    assert not may_call(address, private=False)
    assert not may_call(address, private=True)
