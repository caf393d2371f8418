#!/usr/bin/env python3
"""Many uploads of one file at once: parallel.py PORT HOST TOKEN FILE N PASS HELD.

Each says how long it is and sends its first bytes.  When all but PASS have their refusal, HELD is made and waited for to be
taken away; then the others send the rest.  A line for each on stdout: its status and the code of its problem, or "-".
"""
import json
import os
import selectors
import socket
import sys
import time

WAIT_S = 120


def answer(sock):
    sock.settimeout(WAIT_S)
    got = b""
    while True:
        head, sep, body = got.partition(b"\r\n\r\n")
        length = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if sep and length and len(body) >= length[0]:
            break
        piece = sock.recv(65536)
        if not piece:
            break
        got += piece
    status = int(got.split(b" ")[1])
    body = json.loads(got.partition(b"\r\n\r\n")[2])
    print(status, body.get("code", "-"), flush=True)


def main():
    port, host, token, path, n, passing, held = sys.argv[1:]
    with open(path, "rb") as file:
        data = file.read()
    head = (f"PUT /api/v1/upload HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Length: {len(data)}\r\n\r\n").encode()
    first, open_ones, until = data[:1000], selectors.DefaultSelector(), time.monotonic() + WAIT_S
    for _ in range(int(n)):
        sock = socket.create_connection(("127.0.0.1", int(port)), WAIT_S)
        sock.sendall(head + first)
        open_ones.register(sock, selectors.EVENT_READ)
    while len(open_ones.get_map()) > int(passing) and time.monotonic() < until:
        for key, _ in open_ones.select(1):
            open_ones.unregister(key.fileobj)
            answer(key.fileobj)
            key.fileobj.close()
    open(held, "w").close()
    while os.path.exists(held) and time.monotonic() < until:
        time.sleep(0.05)
    left = [key.fileobj for key in open_ones.get_map().values()]
    for sock in left:
        sock.settimeout(WAIT_S)
        sock.sendall(data[len(first):])
    for sock in left:
        answer(sock)


main()
