"""A server that listens everywhere, in a network of its own; its only door is a port of 127.0.0.1.

usage: apart.py DIR PORT COMMAND...

	DIR/port	where the door is, once the server behind it answers; PORT is what the command listens at
	DIR/out		what it says

The door is opened first and stays where it was opened; the network is new, and everything from then on is in it.  SIGTERM
ends both.
"""
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP, PR_SET_PDEATHSIG = 0x8914, 1, 1
ANSWERS_S = 60

place, port, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
door = socket.create_server(('127.0.0.1', 0))
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(CLONE_NEWNET) != 0 and libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
    sys.exit('no network of its own: %s' % os.strerror(ctypes.get_errno()))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', IFF_UP))
with open(os.path.join(place, 'out'), 'wb') as out:
    server = subprocess.Popen(command, stdout=out, stderr=out,
                              preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM))


def end(*_):
    server.terminate()
    server.wait()
    os._exit(0)


def carry(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # ended at one of its ends


def serve(client):
    with client, socket.create_connection(('127.0.0.1', port)) as behind:
        back = threading.Thread(target=carry, args=(behind, client), daemon=True)
        back.start()
        carry(client, behind)
        back.join()


signal.signal(signal.SIGTERM, end)
for _ in range(ANSWERS_S * 20):
    try:
        socket.create_connection(('127.0.0.1', port)).close()
        break
    except OSError:
        if server.poll() is not None:
            sys.exit('%s ended with %d' % (command[0], server.returncode))
        time.sleep(0.05)
with open(os.path.join(place, 'port.new'), 'w', encoding='ascii') as f:
    f.write(str(door.getsockname()[1]))
os.rename(os.path.join(place, 'port.new'), os.path.join(place, 'port'))
while True:
    threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()
