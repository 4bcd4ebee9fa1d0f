"""Which addresses our webhooks may call: public unicast ones, unless a setting says otherwise."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

NEVER = (
    IPv4Network("169.254.0.0/16"),  # link-local: AWS, Azure, GCP and others answer there about the machine
    IPv4Network("100.100.100.200/32"),  # Alibaba
    IPv4Network("168.63.129.16/32"),  # Azure
    IPv4Network("192.0.0.192/32"),  # Oracle
    IPv6Network("fe80::/10"),  # link-local
    IPv6Network("fd00:ec2::/32"),  # AWS
    IPv6Network("fd00:c1::/32"),  # Oracle
    IPv6Network("fd20:ce::254/128"),  # GCP
    IPv6Network("fd00:42::42/128"),  # Scaleway
)
"""Link-local addresses, and those under which clouds tell a machine its secrets."""

NOT_PUBLIC_4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
"""IANA's special-purpose IPv4 addresses, written out because Python's own list differs between its versions."""
PUBLIC_6 = IPv6Network("2000::/3")
NOT_PUBLIC_6 = tuple(IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "3fff::/20"))
"""Special-purpose addresses within PUBLIC_6. Everything outside of it is special."""

NAT64 = IPv6Network("64:ff9b::/96")
"""IPv6 addresses that a gateway turns into the IPv4 address at their end."""
LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
"""The same with a network's own prefix, whose length says where the IPv4 address stands (RFC 8215, RFC 6052)."""
TRANSLATED = IPv6Network("::ffff:0:0:0/96")
COMPATIBLE = IPv6Network("::/96")
ISATAP = 0x5EFE


def may_call(address: str, *, private: bool) -> bool:
    """Whether a webhook may go to an address. `private` allows all but link-local and metadata addresses."""
    try:
        outer = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    forms = list(_forms(outer))
    if any(form in net for form in forms for net in NEVER if form.version == net.version):
        return False
    return private or all(_is_public(form, carries=len(forms) > 1 and form is outer) for form in forms)


def _forms(address: Address) -> Iterator[Address]:
    """Yield an address, and every IPv4 address that it carries."""
    yield address
    if isinstance(address, IPv4Address):
        return
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
    elif address in LOCAL_NAT64:
        yield from _behind_any_prefix(int(address))
    elif (
        address in NAT64
        or address in TRANSLATED
        or (address in COMPATIBLE and int(address) > 1)
        or (int(address) >> 32) & 0xFFFF == ISATAP
    ):
        yield low


def _behind_any_prefix(address: int) -> Iterator[IPv4Address]:
    """Yield what stands behind a prefix of 48, 56, 64 and 96 bits. Bits 64 to 71 are no part of it."""
    without_gap = (address >> 64 << 56) | (address & (1 << 56) - 1)
    for length in (48, 56, 64):
        yield IPv4Address(without_gap >> (88 - length) & 0xFFFFFFFF)
    yield IPv4Address(address & 0xFFFFFFFF)


def _is_public(address: Address, *, carries: bool) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in net for net in NOT_PUBLIC_4)
    if carries and (address.ipv4_mapped is not None or address.sixtofour is not None or address in NAT64):
        return True  # what it carries decides
    return address in PUBLIC_6 and not any(address in net for net in NOT_PUBLIC_6)
