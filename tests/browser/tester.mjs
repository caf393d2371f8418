/*
 * A tester's whole way, in Chromium as an iPhone, with a mail server and an SMS gateway of the story's own:
 * a publisher sends, mail and SMS arrive, the link opens, PIN, Install, the install daemon fetches, and the
 * page and the publisher see what was observed.  Prints TAP.
 *
 * The server runs with a clock and a root of tests, so that its provisions never run out.
 */
import { chromium } from 'playwright-core';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import https from 'node:https';
import { parseArgs } from 'node:util';

const { values: opt } = parseArgs({ options: {
	base: { type: 'string' }, token: { type: 'string' }, app: { type: 'string' }, mail: { type: 'string' },
	sms: { type: 'string' }, out: { type: 'string' },
} });
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ' +
	'Version/18.1 Mobile/15E148 Safari/604.1';
const DAEMON = 'com.apple.appstored/1.0 iOS/18.1 model/iPhone15,4 hwp/t8130 build/22B83 (6; dt:311)';
const PIN = '482913';

let n = 0, failed = 0;
const promise = async (name, run) => {
	n++;
	try {
		await run();
		console.log(`ok ${n} ${name}`);
	} catch (e) {
		failed++;
		console.log(`not ok ${n} ${name}\n# ${String(e.message).split('\n').slice(0, 6).join('\n# ')}`);
	}
};
const same = (a, b, what) => { if (a !== b) throw new Error(`${what}: ${JSON.stringify(a)} is not ${JSON.stringify(b)}`); };
const holds = (text, part, what) => { if (!text.includes(part)) throw new Error(`${what}: no "${part}" in "${text.slice(0, 300)}"`); };
const until = async (what, look) => {
	for (let i = 0; i < 400; i++) {
		const found = await look();
		if (found) return found;
		await new Promise((done) => setTimeout(done, 50));
	}
	throw new Error(`waited in vain for ${what}`);
};

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

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu',
	'--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const phone = async (extra = {}) => (await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-US', userAgent: IPHONE,
	viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, ...extra })).newPage();
const picture = async (page, name) => {
	if (!opt.out) return;
	mkdirSync(opt.out, { recursive: true });
	for (const scheme of ['light', 'dark']) {
		await page.emulateMedia({ colorScheme: scheme });
		await page.screenshot({ path: join(opt.out, `${name}-${scheme}.png`), fullPage: true });
	}
	await page.emulateMedia({ colorScheme: 'light' });
};

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
const page = await phone();
await promise('the link opens, and asks for the PIN', async () => {
	await page.goto(bySms.json.url);
	await picture(page, 'link-pin');
	same(await page.locator('a[href^="itms-services:"]').count(), 0, 'buttons');
	await page.fill('#pin', '000000');
	await page.click('form button.primary');
	same(await page.getAttribute('#pin', 'aria-invalid'), 'true', 'the field');
	await picture(page, 'link-pin-wrong');
});
await promise('with the PIN it says what the app is and offers to install it', async () => {
	await page.fill('#pin', PIN);
	await page.click('form button.primary');
	const text = await page.textContent('main');
	holds(text, 'Draw with gloves on', 'notes');
	itms = await page.getAttribute('a[href^="itms-services:"]', 'href');
	holds(itms, 'action=download-manifest', 'button');
	await picture(page, 'link-install');
});
await promise('a tap is seen, and what the daemon fetches after it, step by step', async () => {
	await page.evaluate(() => document.querySelector('a[href^="itms-services:"]').addEventListener('click', (e) => e.preventDefault()));
	await page.click('a[href^="itms-services:"]');
	await until('the tap on the page', async () => (await page.locator('.timeline li').count()) >= 1 && (await page.isVisible('.timeline')));
	await picture(page, 'link-tapped');
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
	await picture(page, 'link-whole');
});
await promise('used up, withdrawn and unknown are the same page', async () => {
	const other = await phone();
	const texts = [];
	await api('DELETE', `/api/v1/links/${byMail.json.id}`);
	for (const url of [bySms.json.url, byMail.json.url, `${opt.base}/i/AAAAAAAAAAAAAAAAAAAAAA`]) {
		const answer = await other.goto(url);
		same(answer.status(), 404, url);
		texts.push(await other.textContent('main'));
	}
	same(texts[0], texts[2], 'used up');
	same(texts[1], texts[2], 'withdrawn');
	await picture(other, 'link-gone');
});
await promise('on a computer there is a code for the phone, inside another app the way to Safari', async () => {
	const { json } = await api('POST', '/api/v1/links', { build });
	const desk = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 } });
	const there = await desk.newPage();
	await there.goto(json.url);
	same(await there.locator('svg.qr').first().isVisible(), true, 'the code');
	await picture(there, 'link-desk');
	const inside = await phone({ userAgent: `${IPHONE.replace(/ Version.*/, '')} Mobile/15E148 [FBAN/FBIOS;FBAV/400.0]` });
	await inside.goto(json.url);
	holds(await inside.textContent('main'), 'Safari', 'page');
	await picture(inside, 'link-inapp');
});
await browser.close();
console.log(`1..${n}`);
process.exit(failed ? 1 : 0);
