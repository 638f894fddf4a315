"""A name server for try-empty-root.sh: answers A questions for the names it is given, and writes down each question.

usage: name_server.py NAME=ADDRESS ...      (UDP 127.0.0.1:53; brings the loopback interface up first)
"""

import fcntl
import socket
import struct
import sys

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1


def bring_up_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def name_of(message):
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode("ascii", "replace"))
        at += 1 + message[at]
    return ".".join(labels).lower(), at + 1


def answer(message, names):
    name, end = name_of(message)
    kind = struct.unpack(">H", message[end : end + 2])[0]
    question = message[12 : end + 4]
    known = name in names
    records = b""
    if known and kind == 1:
        records = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(names[name])
    flags = 0x8180 if known else 0x8183
    head = message[:2] + struct.pack(">HHHHH", flags, 1, 1 if records else 0, 0, 0)
    print(f"{name} {kind} {'answered' if known else 'unknown'}", flush=True)
    return head + question + records


def main():
    names = dict(pair.split("=", 1) for pair in sys.argv[1:])
    bring_up_loopback()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        print("ready", flush=True)
        while True:
            message, sender = server.recvfrom(2048)
            server.sendto(answer(message, names), sender)


main()
