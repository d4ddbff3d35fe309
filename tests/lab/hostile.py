#!/usr/bin/python3
"""Somebody who means ill, on a host of his own at one of the testbed's links (in the gateway's namespace, but below
its network stack: what he sends passes no rule and no connection tracking there).

  hostile.py blind LINK MAC FROM TO PORTS COUNT SECONDS [quiet]
  hostile.py on-path LINK PORT SECONDS

`blind` sees nothing. He knows which connections there are (PORTS: FROM's and TO's, 40000-7440,40001-7440...) and
sends to the host MAC in the name of FROM COUNT packets for each connection, evenly over SECONDS: what ends, answers
or disturbs a connection, had he not to guess the sequence and acknowledgment numbers, ICMP errors, and segments as if
the host had sent them itself; `quiet`, only what draws no answer. Prints how many he sent.

`on-path` sees all that passes from that PORT, and sends each such segment again, damaged in every way."""
import ipaddress
import random
import socket
import struct
import sys
import time

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, ICMP, ICMP6, RAW = 6, 1, 58, 255
ETH_P_ALL = 3
OWN = 1 << 8  # in the name of the one who receives it
KINDS = [
    OWN | SYN, OWN | ACK, OWN | PSH | ACK,
    RST, RST | ACK, ACK, SYN | ACK, FIN | ACK, PSH | ACK,
    # ICMP errors: what they quote, IPv4's type and code, IPv6's.
    (TCP, (3, 1), (1, 0)), (TCP, (3, 3), (1, 4)), (TCP, (3, 4), (2, 0)), (TCP, (3, 13), (1, 1)),
    (TCP, (11, 0), (3, 0)), (TCP, (12, 0), (4, 1)),
    (RAW, (3, 3), (1, 4)), (RAW, (3, 13), (1, 1)),  # the kernel hands these to a raw socket
]


def total(data):
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def folded(number):
    while number >> 16:
        number = (number & 0xFFFF) + (number >> 16)
    return ~number & 0xFFFF


def header(source, target, protocol, length, ttl):
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, length, protocol, ttl) + source + target
    plain = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, random.getrandbits(16), 0x4000, ttl, protocol, 0)
    plain += source + target
    return plain[:10] + struct.pack("!H", folded(total(plain))) + plain[12:]


def tcp(ports, flags):
    """The header, with random numbers and no checksum."""
    return struct.pack("!HHIIBBHHH", *ports, random.getrandbits(32), random.getrandbits(32), 5 << 4, flags,
                       random.getrandbits(16), 0, 0)


def checked(source, target, protocol, body, at):
    """`body` with its checksum, which stands at this offset."""
    pseudo = b"" if protocol == ICMP else source + target + struct.pack("!II", len(body), protocol)
    return body[:at] + struct.pack("!H", folded(total(pseudo + body))) + body[at + 2:]


def segment(source, target, ports, flags):
    if flags & OWN:
        source, target, ports = target, source, ports[::-1]
    body = tcp(ports, flags & 0xFF) + (b"boo!" if flags & PSH else b"")
    body = checked(source, target, TCP, body, 16)
    return header(source, target, TCP, len(body), random.choice((63, 64, random.randrange(1, 256)))) + body


def error(source, target, ports, quoted, code4, code6):
    """Of a router, or of `source` itself, about a packet that `target` is said to have sent."""
    packet = tcp(ports[::-1], ACK)
    packet = header(target, source, quoted, len(packet), 63) + packet
    kind, code = code6 if len(source) == 16 else code4
    body = struct.pack("!BBHHH", kind, code, 0, 0, 576 if (kind, code) in ((3, 4), (2, 0)) else 0) + packet
    protocol = ICMP6 if len(source) == 16 else ICMP
    body = checked(source, target, protocol, body, 2)
    return header(source, target, protocol, len(body), random.randrange(1, 256)) + body


def attach(link, ethertype=0):
    attached = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ethertype))
    attached.bind((link, ethertype))
    return attached


def frame(mac, packet, kind=None):
    return mac + bytes(6) + (kind or (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd")) + packet


def blind(link, mac, source, target, ports, count, seconds, *quiet):
    mac, out = bytes.fromhex(mac.replace(":", "")), attach(link)
    source, target = ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed
    pairs = [tuple(map(int, pair.split("-"))) for pair in ports.split(",")]
    count, seconds, begun, sent = int(count), float(seconds), time.monotonic(), 0
    for number in range(count):
        time.sleep(max(0.0, begun + number * seconds / count - time.monotonic()))
        kind = RST if quiet else KINDS[number % len(KINDS)]
        for pair in pairs:
            make, what = (segment, [kind]) if isinstance(kind, int) else (error, kind)
            sent += out.send(frame(mac, make(source, target, pair, *what))) > 0
    took = time.monotonic() - begun
    # In one write, as another flood may end at the same moment.
    print(f"{sent} packets, {count} for each of {len(pairs)} connections, in {took:.1f} s\n", end="")


def damaged(packet):
    """One of the many ways in which a TCP segment in an IP packet can be wrong."""
    start = 40 if packet[0] >> 4 == 6 else (packet[0] & 15) * 4
    body = bytearray(packet)
    way = random.randrange(8)
    if way == 0:  # truncated, and nothing else says so
        return bytes(body[:random.randrange(1, len(body))])
    if way == 1:  # truncated, and the length is right
        body = body[:random.randrange(start, len(body) + 1)]
        struct.pack_into("!H", body, 4 if start == 40 else 2, len(body) - (40 if start == 40 else 0))
    elif way == 2:  # a TCP header of any length
        body[start + 12] = random.randrange(16) << 4 | body[start + 12] & 15
    elif way == 3:  # an IP header of any length, or version
        body[0] = random.choice((0x40, 0x41, 0x44, 0x46, 0x4F, 0x60, 0x00, 0xF5))
    elif way == 4:  # options without end, or longer than the header
        body[start + 12] = 15 << 4
        body[start + 20:] = random.choices((0, 1, 2, 3, 5, 8, 253, 255), k=random.randrange(41))
    elif way == 5:  # a length that lies
        lie = random.choice((0, 1, 19, 20, 21, 39, 40, 0xFFFF))
        struct.pack_into("!H", body, 4 if start == 40 else 2, lie)
    elif way == 6 and start == 40:  # extension headers that lead anywhere
        body[6] = random.choice((0, 43, 44, 51, 60, 135))
        body[40:40] = bytes(random.choice((0, 6, 43, 44, 60, 255)) for _ in range(8 * random.randrange(1, 8)))
    else:  # anything anywhere
        for _ in range(random.randrange(1, 6)):
            body[random.randrange(len(body))] = random.getrandbits(8)
    return bytes(body)


def quoted(packet):
    """The same as the quotation of an ICMP error, from where the packet itself comes from."""
    six = packet[0] >> 4 == 6
    source, target = (packet[8:24], packet[24:40]) if six else (packet[12:16], packet[16:20])
    start = 40 if six else (packet[0] & 15) * 4
    turned = bytearray(packet)
    turned[8 if six else 12:40 if six else 20] = target + source
    turned[start:start + 4] = packet[start + 2:start + 4] + packet[start:start + 2]
    code = random.choice(((1, 4), (3, 0), (4, 1)) if six else ((3, 1), (11, 0), (12, 0)))
    body = struct.pack("!BBHHH", *code, 0, 0, 0) + damaged(bytes(turned))
    body += bytes(len(body) % 2)
    protocol = ICMP6 if six else ICMP
    return header(source, target, protocol, len(body), 64) + checked(source, target, protocol, body, 2)


def on_path(link, port, seconds):
    copies = 40
    out, listening = attach(link), attach(link, ETH_P_ALL)
    listening.settimeout(0.1)
    until, sent, refused = time.monotonic() + float(seconds), 0, 0
    while time.monotonic() < until:
        try:
            data, (_, _, direction, _, _) = listening.recvfrom(2048)
        except TimeoutError:
            continue
        # Only what the gateway forwards here; his own frames name no sender.
        if direction != socket.PACKET_OUTGOING or data[6:12] == bytes(6):
            continue
        packet = data[14:]
        start = 40 if packet[0] >> 4 == 6 else (packet[0] & 15) * 4
        if packet[6 if start == 40 else 9] != TCP or struct.unpack_from("!H", packet, start)[0] != int(port):
            continue
        for number in range(copies):
            try:
                out.send(frame(data[:6], quoted(packet) if number % 4 == 0 else damaged(packet), data[12:14]))
                sent += 1
            except OSError:
                refused += 1
    print(f"{sent} damaged packets, {refused} that the link did not take")


if __name__ == "__main__":
    {"blind": blind, "on-path": on_path}[sys.argv[1]](*sys.argv[2:])
