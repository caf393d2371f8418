"""A way to a server whose connections end at the worst moment, for stories.

usage: relay.py DIR PORT

	DIR/port	where it listens on 127.0.0.1, once it does
	DIR/cut		a line for each connection that it ended

It passes on what comes, TLS or not.  A connection that has had an answer ends as the next request arrives, which the
server never sees: as where the server's idle time-out and a request meet (RFC 9112 section 9.3.1).
"""
import os
import select
import socket
import sys
import threading

place, port = sys.argv[1], int(sys.argv[2])
TLS, TLS_DATA = b'\x16', b'\x17'  # how a record of the handshake begins, and one of what is encrypted


def serve(client):
    server = socket.create_connection(('127.0.0.1', port))
    began, tls, answered = False, None, False
    with client, server:
        while True:
            for ready in select.select([client, server], [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    return
                if ready is server:
                    answered = began
                    client.sendall(data)
                    continue
                if answered:
                    with open(os.path.join(place, 'cut'), 'a', encoding='ascii') as f:
                        f.write('cut\n')
                    return
                if tls is None:
                    tls = data.startswith(TLS)
                began = began or not tls or data.startswith(TLS_DATA)
                server.sendall(data)


def one(client):
    try:
        serve(client)
    except OSError:
        pass  # ended at one of its ends


listener = socket.create_server(('127.0.0.1', 0))
with open(os.path.join(place, 'port.new'), 'w', encoding='ascii') as f:
    f.write(str(listener.getsockname()[1]))
os.rename(os.path.join(place, 'port.new'), os.path.join(place, 'port'))
while True:
    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()
