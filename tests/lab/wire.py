#!/usr/bin/python3
"""A bad wire: carries frames between two interfaces, and sends some of them twice, or later than those that follow.

  wire.py INTERFACE INTERFACE [--duplicate PERCENT] [--reorder PERCENT] [--delay SECONDS]

A copy follows at once or, as often, after up to --delay (0.2 s); what is reordered waits for up to as long.
It prints a line when it carries.
"""
import argparse
import heapq
import itertools
import random
import select
import socket
import struct
import time

SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23  # linux/if_packet.h
ETH_P_ALL = 3
VNET_HDR = 10  # octets before each frame: it may lack its checksum yet, and the kernel completes it
TCP = 6


def attach(interface):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    wire.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    wire.bind((interface, ETH_P_ALL))
    return wire


def is_tcp(frame):
    frame = frame[VNET_HDR:]
    ethertype = struct.unpack_from("!H", frame, 12)[0]
    return (ethertype == 0x0800 and frame[23] == TCP) or (ethertype == 0x86DD and frame[20] == TCP)


def sendings(arguments, frame):
    """How many seconds from now the frame is sent, each time that it is."""
    first = 0
    if is_tcp(frame):
        if random.uniform(0, 100) < arguments.reorder:
            first = random.uniform(0, arguments.delay)
        if random.uniform(0, 100) < arguments.duplicate:
            yield first + random.choice((0, random.uniform(0, arguments.delay)))
    yield first


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("interfaces", nargs=2)
    for option, default in ("--duplicate", 0), ("--reorder", 0), ("--delay", 0.2):
        parser.add_argument(option, type=float, default=default)
    arguments = parser.parse_args()
    ends = [attach(interface) for interface in arguments.interfaces]
    other = dict(zip(ends, reversed(ends)))
    order, waiting = itertools.count(), []
    print("ready", flush=True)
    while True:
        patience = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        for end in select.select(ends, [], [], patience)[0]:
            frame = end.recv(65536 + VNET_HDR)
            for wait in sendings(arguments, frame):
                heapq.heappush(waiting, (time.monotonic() + wait, next(order), other[end], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(waiting)
            end.send(frame)


main()
