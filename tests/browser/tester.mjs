/*
 * A tester's whole way, in Chromium as an iPhone, with a mail server and an SMS gateway of the story's own:
 * a publisher sends, mail and SMS arrive, the link opens, PIN, Install, the install daemon fetches, and the
 * page and the publisher see what was observed.  Prints TAP.
 *
 * The server runs with a clock and a root of tests, so that its provisions never run out.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import https from 'node:https';
import { parseArgs } from 'node:util';
import { IPHONE, desk, end, holds, launch, phone, picture, promise, same, until } from './stage.mjs';

const { values: opt } = parseArgs({ options: {
	base: { type: 'string' }, token: { type: 'string' }, app: { type: 'string' }, mail: { type: 'string' },
	sms: { type: 'string' }, out: { type: 'string' },
} });
const DAEMON = 'com.apple.appstored/1.0 iOS/18.1 model/iPhone15,4 hwp/t8130 build/22B83 (6; dt:311)';
const PIN = '482913';

/* What the install daemon and programs do: no browser. */
const ask = (url, { method = 'GET', headers = {}, body } = {}) => new Promise((done, fail) => {
	const req = https.request(url, { method, headers, rejectUnauthorized: false }, (res) => {
		const parts = [];
		res.on('data', (part) => parts.push(part));
		res.on('end', () => done({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }));
	});
	req.on('error', fail);
	req.end(body);
});
const api = async (method, path, body) => {
	const answer = await ask(opt.base + path, { method, body: body && JSON.stringify(body),
		headers: { authorization: `Bearer ${opt.token}`, 'content-type': 'application/json' } });
	return { status: answer.status, json: answer.body.length ? JSON.parse(answer.body) : null };
};
const lines = (file) => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').filter(Boolean) : []);

const browser = await launch();
const shot = (page, name) => picture(page, opt.out, name);

let build, byMail, bySms, itms;
await promise('a publisher uploads, and sends it by mail and by SMS with a PIN', async () => {
	const up = await ask(`${opt.base}/api/v1/upload?changelog=${encodeURIComponent('- Draw with gloves on')}`, { method: 'PUT',
		headers: { authorization: `Bearer ${opt.token}` }, body: readFileSync(opt.app) });
	same(up.status, 201, 'upload');
	build = JSON.parse(up.body).build.id;
	byMail = await api('POST', '/api/v1/links', { build, email: 'anna@example.com', send: 'mail' });
	same(byMail.status, 201, `mail: ${JSON.stringify(byMail.json)}`);
	bySms = await api('POST', '/api/v1/links', { build, phone: '+491701234567', pin: PIN, max_installs: 1, send: 'sms' });
	same(bySms.status, 201, `SMS: ${JSON.stringify(bySms.json)}`);
});
await promise('the mail arrives, as text and as HTML, with the link and its picture', async () => {
	await until('the mail', () => lines(join(opt.mail, 'ledger')).length);
	const mail = readFileSync(join(opt.mail, '1.eml'), 'utf8');
	holds(mail, 'multipart/alternative', 'mail');
	holds(mail, 'Content-Type: image/png', 'mail');
	holds(mail, 'List-Unsubscribe:', 'mail');
	const whole = mail.replace(/=\r?\n/g, '');
	holds(whole, byMail.json.url, 'mail');
});
await promise('the SMS arrives, as one message', async () => {
	const [asked] = await until('the SMS', () => lines(join(opt.sms, 'asked')).length && lines(join(opt.sms, 'asked')).map(JSON.parse));
	const text = new URLSearchParams(asked.body || asked.path.split('?')[1]).get('text');
	holds(text, bySms.json.url, 'SMS');
	if (text.length > 160) throw new Error(`${text.length} characters`);
	if (text.includes(PIN)) throw new Error('the PIN travels with the link');
});
const page = await phone(browser);
await promise('the link opens, and asks for the PIN', async () => {
	await page.goto(bySms.json.url);
	await shot(page, 'link-pin');
	same(await page.locator('a[href^="itms-services:"]').count(), 0, 'buttons');
	await page.fill('#pin', '000000');
	await page.click('form button.primary');
	same(await page.getAttribute('#pin', 'aria-invalid'), 'true', 'the field');
	await shot(page, 'link-pin-wrong');
});
await promise('with the PIN it says what the app is and offers to install it', async () => {
	await page.fill('#pin', PIN);
	await page.click('form button.primary');
	const text = await page.textContent('main');
	holds(text, 'Draw with gloves on', 'notes');
	itms = await page.getAttribute('a[href^="itms-services:"]', 'href');
	holds(itms, 'action=download-manifest', 'button');
	await shot(page, 'link-install');
});
await promise('a tap is seen, and what the daemon fetches after it, step by step', async () => {
	await page.evaluate(() => document.querySelector('a[href^="itms-services:"]').addEventListener('click', (e) => e.preventDefault()));
	await page.click('a[href^="itms-services:"]');
	await until('the tap on the page', async () => (await page.locator('.timeline li').count()) >= 1 && (await page.isVisible('.timeline')));
	await shot(page, 'link-tapped');
	const manifest = new URL(itms).searchParams.get('url');
	const root = manifest.replace(/\/manifest\.plist$/, '');
	const headers = { 'user-agent': DAEMON };
	same((await ask(manifest, { headers })).status, 200, 'manifest');
	same((await ask(`${root}/57.png`, { headers })).status, 200, 'icon');
	same((await ask(`${root}/app.ipa`, { headers: { ...headers, range: 'bytes=0-999' } })).status, 206, 'range');
	const ipa = await ask(`${root}/app.ipa`, { headers });
	same(ipa.body.equals(readFileSync(opt.app)), true, 'the app');
	const kinds = await until('the whole install', async () => {
		const { json } = await api('GET', `/api/v1/links/${bySms.json.id}`);
		const events = json.installs_seen?.[0]?.events.map((e) => e.kind) ?? [];
		return events.includes('whole') && events;
	});
	for (const kind of ['opened', 'tapped', 'manifest', 'icon', 'ipa', 'whole'])
		if (!kinds.includes(kind)) throw new Error(`no ${kind} in ${kinds}`);
	await until('the page to say so', async () => (await page.locator('.timeline li.done').count()) >= 3);
	await shot(page, 'link-whole');
});
await promise('used up, withdrawn and unknown are the same page', async () => {
	const other = await phone(browser);
	const texts = [];
	await api('DELETE', `/api/v1/links/${byMail.json.id}`);
	for (const url of [bySms.json.url, byMail.json.url, `${opt.base}/i/AAAAAAAAAAAAAAAAAAAAAA`]) {
		const answer = await other.goto(url);
		same(answer.status(), 404, url);
		texts.push(await other.textContent('main'));
	}
	same(texts[0], texts[2], 'used up');
	same(texts[1], texts[2], 'withdrawn');
	await shot(other, 'link-gone');
});
await promise('on a computer there is a code for the phone, inside another app the way to Safari', async () => {
	const { json } = await api('POST', '/api/v1/links', { build });
	const there = await desk(browser);
	await there.goto(json.url);
	same(await there.locator('svg.qr').first().isVisible(), true, 'the code');
	await shot(there, 'link-desk');
	const inside = await phone(browser, { userAgent: `${IPHONE.replace(/ Version.*/, '')} Mobile/15E148 [FBAN/FBIOS;FBAV/400.0]` });
	await inside.goto(json.url);
	holds(await inside.textContent('main'), 'Safari', 'page');
	await shot(inside, 'link-inapp');
});
await end(browser);
