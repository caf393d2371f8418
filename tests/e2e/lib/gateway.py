"""An SMS gateway with an HTTP interface, for stories: keeps what it is asked and answers as it is told.

usage: gateway.py DIR

	DIR/port	where it listens on 127.0.0.1, once it does
	DIR/asked	a line of JSON for each request: method, path, headers, body
	DIR/answer	"STATUS BODY", read at each request; default 200 ok
	DIR/delay	seconds between keeping it and answering
"""
import http.server
import json
import os
import sys
import time

place = sys.argv[1]


class Gateway(http.server.BaseHTTPRequestHandler):
    def do_any(self):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0)).decode()
        try:
            status, _, answer = open(os.path.join(place, 'answer'), encoding='utf-8').read().strip().partition(' ')
        except FileNotFoundError:
            status, answer = '200', 'ok'
        with open(os.path.join(place, 'asked'), 'a', encoding='utf-8') as f:
            f.write(json.dumps({'method': self.command, 'path': self.path, 'headers': dict(self.headers), 'body': body}) + '\n')
        if os.path.exists(os.path.join(place, 'delay')):
            time.sleep(float(open(os.path.join(place, 'delay'), encoding='ascii').read()))
        self.send_response(int(status))
        self.send_header('Content-Length', str(len(answer.encode())))
        if status.startswith('3'):
            self.send_header('Location', '/elsewhere')
        self.end_headers()
        try:
            self.wfile.write(answer.encode())
        except BrokenPipeError:
            pass  # whoever asked was killed

    do_GET = do_POST = do_any

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Gateway)
with open(os.path.join(place, 'port.new'), 'w', encoding='ascii') as f:
    f.write(str(server.server_port))
os.rename(os.path.join(place, 'port.new'), os.path.join(place, 'port'))
server.serve_forever()
