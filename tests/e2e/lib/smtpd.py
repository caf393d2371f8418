#!/usr/bin/python3
"""A mail server for stories: takes messages, refuses what it is told to, and keeps a ledger.

usage: smtpd.py DIR [--tls MODE] [--cert FILE --key FILE] [--auth USER:PASSWORD] [--delay SECONDS]

	DIR/port	where it listens on 127.0.0.1, once it does
	DIR/ledger	a line of JSON for each message that is acknowledged, written before its 250 leaves
	DIR/n.eml	its bytes
	DIR/log		connections, and what was refused
	DIR/control	lines "VERB ADDRESS ANSWER", read at every command: `rcpt nobody@example.com 550 5.1.1 gone`;
			VERB is mail, rcpt or data; ADDRESS * is any; ANSWER `close` ends the connection, `wait` hangs

MODE: none (default), starttls, tls.  --delay: between the ledger and the 250.
"""
import argparse
import asyncio
import email
import json
import os
import ssl
import time

from aiosmtpd.smtp import SMTP, AuthResult

ap = argparse.ArgumentParser()
ap.add_argument('dir')
ap.add_argument('--tls', default='none')
ap.add_argument('--cert')
ap.add_argument('--key')
ap.add_argument('--auth')
ap.add_argument('--delay', type=float, default=0)
opt = ap.parse_args()


def place(name):
    return os.path.join(opt.dir, name)


def note(name, text):
    with open(place(name), 'a', encoding='utf-8') as f:
        f.write(text + '\n')
        f.flush()


def told(verb, address):
    try:
        lines = open(place('control'), encoding='utf-8').read().splitlines()
    except FileNotFoundError:
        return None
    for line in lines:
        v, a, answer = line.split(' ', 2)
        if v == verb and a in ('*', address):
            return answer
    return None


class Handler:
    count = 0

    async def obey(self, server, verb, address):
        answer = told(verb, address)
        if answer:
            note('log', f'{verb} {address} {answer}')
        if answer == 'close':
            server.transport.abort()
            return '421 closing'
        if answer == 'wait':
            await asyncio.sleep(3600)
        return answer

    async def handle_MAIL(self, server, session, envelope, address, options):
        answer = await self.obey(server, 'mail', address)
        if answer:
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return '250 OK'

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = await self.obey(server, 'rcpt', address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return '250 OK'

    async def handle_DATA(self, server, session, envelope):
        answer = await self.obey(server, 'data', envelope.rcpt_tos[0])
        if answer:
            return answer
        Handler.count += 1
        n = Handler.count
        with open(place(f'{n}.eml'), 'wb') as f:
            f.write(envelope.content)
        message = email.message_from_bytes(envelope.content)
        note('ledger', json.dumps({
            'n': n, 'from': envelope.mail_from, 'to': envelope.rcpt_tos, 'id': message['Message-ID'], 'helo': session.host_name,
            'connection': session.peer[1], 'tls': session.ssl is not None or opt.tls == 'tls',
            'auth': session.authenticated, 'at': time.time(),
        }))
        await asyncio.sleep(opt.delay)
        return f'250 2.0.0 Ok: queued as Q{n}'


def authenticator(server, session, envelope, mechanism, data):
    given = f'{data.login.decode()}:{data.password.decode()}'
    note('log', f'auth {mechanism} {data.login.decode()}')
    return AuthResult(success=given == opt.auth, handled=False)


async def main():
    context = None
    if opt.tls != 'none':
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(opt.cert, opt.key)

    def factory():
        note('log', 'connection')
        return SMTP(Handler(), hostname='mail.example.com', enable_SMTPUTF8=False, loop=asyncio.get_event_loop(),
                    tls_context=context if opt.tls == 'starttls' else None, require_starttls=opt.tls == 'starttls',
                    auth_required=bool(opt.auth), auth_require_tls=opt.tls == 'starttls',
                    authenticator=authenticator if opt.auth else None)

    server = await asyncio.get_running_loop().create_server(factory, '127.0.0.1', 0, ssl=context if opt.tls == 'tls' else None)
    with open(place('port.new'), 'w', encoding='ascii') as f:
        f.write(str(server.sockets[0].getsockname()[1]))
    os.rename(place('port.new'), place('port'))
    await server.serve_forever()

asyncio.run(main())
