"""The other side of a page's peer connection, as far as words go: it answers offers, and offers tracks that never come.

What it says is ICE lite with one candidate on this machine. Browsers accept it, and nothing is sent but STUN.
"""

from dataclasses import dataclass, field

END = "\r\n"
TURNED = {"sendonly": "recvonly", "recvonly": "sendonly", "sendrecv": "recvonly", "inactive": "inactive"}
KEPT = ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=extmap:", "a=rid:", "a=simulcast:")
FINGERPRINT = ":".join(["2A"] * 32)
"""Of no certificate; nobody gets as far as checking it."""
CODECS = {
    "audio": ("111", ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1", "a=rtcp-fb:111 nack"]),
    "video": ("96", ["a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli", "a=rtcp-fb:96 ccm fir"]),
}


@dataclass(slots=True)
class Section:
    """One medium: the first line, its number, our direction, and the lines about codecs."""

    first: str
    mid: str
    direction: str
    codecs: list[str]
    stream: str = ""


@dataclass(slots=True)
class PeerConnection:
    """One peer connection of a page, seen from the server."""

    address: str
    port: int
    name: str
    password: str
    sections: dict[str, Section] = field(default_factory=dict)
    _version: int = 0

    def answer(self, offer: str) -> str:
        """Take all sections of an offer, and answer it."""
        for section in read(offer):
            section.direction = TURNED[section.direction]
            if known := self.sections.get(section.mid):
                section.stream = known.stream
            self.sections[section.mid] = section
        return self._write("passive")

    def offer(self, kinds: list[tuple[str, str]]) -> tuple[str, list[str]]:
        """Offer a track of each kind, with the name of its stream; return the offer, and the number of each."""
        added = []
        for kind, stream in kinds:
            payload, codecs = CODECS[kind]
            mid = str(len(self.sections))
            first = f"m={kind} 9 UDP/TLS/RTP/SAVPF {payload}"
            self.sections[mid] = Section(first, mid, "sendonly", codecs, stream)
            added.append(mid)
        return self._write("actpass"), added

    def _write(self, setup: str) -> str:
        self._version += 1
        live = [section.mid for section in self.sections.values() if not _rejected(section)]
        lines = ["v=0", f"o=- 1 {self._version} IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite"]
        lines += [f"a=group:BUNDLE {' '.join(live)}", "a=msid-semantic: WMS *"]
        for section in self.sections.values():
            lines += self._lines(section, setup)
        return END.join(lines) + END

    def _lines(self, section: Section, setup: str) -> list[str]:
        lines = [section.first, "c=IN IP4 0.0.0.0", f"a=mid:{section.mid}", f"a={section.direction}", *section.codecs]
        if section.stream and section.direction == "sendonly":
            lines.append(f"a=msid:{section.stream} track-{section.mid}")
            lines.append(f"a=ssrc:{1000 + int(section.mid)} cname:{section.stream}")
        lines += [f"a=ice-ufrag:{self.name}", f"a=ice-pwd:{self.password}", f"a=fingerprint:sha-256 {FINGERPRINT}"]
        lines += [
            f"a=setup:{setup}",
            "a=rtcp-mux",
            f"a=candidate:1 1 udp 2130706431 {self.address} {self.port} typ host",
        ]
        return [*lines, "a=end-of-candidates"]


def read(description: str) -> list[Section]:
    """Read the sections of a page's description."""
    sections = list[Section]()
    for line in description.splitlines():
        if line.startswith("m="):
            sections.append(Section(line, str(len(sections)), "sendrecv", []))
        elif not sections:
            continue
        elif line.startswith("a=mid:"):
            sections[-1].mid = line.removeprefix("a=mid:")
        elif line.removeprefix("a=") in TURNED:
            sections[-1].direction = line.removeprefix("a=")
        elif line.startswith(KEPT):
            sections[-1].codecs.append(_turned(line))
    return sections


def _turned(line: str) -> str:
    """Return a line of an offer as it stands in the answer: of the layers that a page sends, we receive all."""
    if line.startswith("a=rid:"):
        return line.replace(" send", " recv")
    return line.replace("a=simulcast:send", "a=simulcast:recv")


def _rejected(section: Section) -> bool:
    return section.first.split(" ")[1] == "0"
