/*
 * The invited person's way, in Chromium as an iPhone: the mail arrives, its link opens with nobody's name, what IT
 * sees stands before the download, signing in leads on, somebody else is told whom it is for, and saying no is seen.
 * Prints TAP.
 */
import { chromium } from 'playwright-core';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import https from 'node:https';
import { parseArgs } from 'node:util';

const { values: opt } = parseArgs({ options: {
	base: { type: 'string' }, token: { type: 'string' }, mail: { type: 'string' }, out: { type: 'string' },
} });
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ' +
	'Version/18.1 Mobile/15E148 Safari/604.1';
const SECRET = 'four quiet words here';

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
const lacks = (text, part, what) => { if (text.includes(part)) throw new Error(`${what}: "${part}" is in it`); };
const until = async (what, look) => {
	for (let i = 0; i < 400; i++) {
		const found = await look();
		if (found) return found;
		await new Promise((done) => setTimeout(done, 50));
	}
	throw new Error(`waited in vain for ${what}`);
};
const api = (method, path, body) => new Promise((done, fail) => {
	const req = https.request(opt.base + path, { method, rejectUnauthorized: false,
		headers: { authorization: `Bearer ${opt.token}`, 'content-type': 'application/json' } }, (res) => {
		const parts = [];
		res.on('data', (part) => parts.push(part));
		res.on('end', () => { const text = Buffer.concat(parts).toString(); done({ status: res.statusCode, json: text ? JSON.parse(text) : null }); });
	});
	req.on('error', fail);
	req.end(body && JSON.stringify(body));
});
const state = async () => (await api('GET', '/api/v1/invitations?q=mia')).json.items[0].state;

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
const sign = async (page, name) => {
	await page.fill('#name', name);
	await page.fill('#password', SECRET);
	await page.click('main button');
};

let link;
const theirs = await phone();
await promise('the mail says as whom to sign in, and brings the link', async () => {
	const made = await api('POST', '/api/v1/invitations', { person: 'mia', by: 'mail', to: 'mia@example.com', note: 'Before Friday, please.' });
	same(made.status, 201, 'invited');
	same(made.json.items.length, 1, 'how many');
	const token = made.json.items[0].url.split('/').pop();
	await until('the mail', () => existsSync(opt.mail) && readdirSync(opt.mail).filter((f) => f.endsWith('.eml'))
		.some((f) => readFileSync(join(opt.mail, f), 'utf8').replace(/=\r?\n/g, '').includes(token)));
	link = made.json.items[0].url;
});
await promise('the link opens with what IT sees and never sees, and with nobody’s name', async () => {
	await theirs.goto(link);
	const text = await theirs.textContent('main');
	holds(text, 'IT cannot see', 'page');
	holds(text, 'IT can see', 'page');
	lacks(text, 'mia', 'page');
	lacks(text, 'Before Friday', 'page');
	await picture(theirs, 'invited');
	await until('opened', async () => await state() === 'opened');
});
await promise('somebody else who signs in is told whom it is for, and gets no further', async () => {
	const other = await phone();
	await other.goto(link);
	await other.click('text=Sign in and go on');
	await sign(other, 'tom');
	holds(await other.textContent('main'), 'This invitation is for mia', 'page');
	await picture(other, 'notyours');
	await other.click('text=Sign in as mia');
	holds(other.url(), '/login?next=', 'address');
	same(await state(), 'opened', 'state');
});
await promise('whoever says no is shown as declined, and the same link still leads on', async () => {
	await theirs.click('text=I would rather not');
	await theirs.click('button:has-text("Decline")');
	holds(await theirs.textContent('main'), 'said no', 'page');
	same(await state(), 'declined', 'state');
	await theirs.goto(link);
	await theirs.click('text=Sign in and go on');
	await sign(theirs, 'mia');
	same(new URL(theirs.url()).pathname, '/enroll', 'address');
	same(await state(), 'signed_in', 'state');
});
await promise('the page says who invites, and the button hands over the setup file', async () => {
	holds(await theirs.textContent('main'), 'Before Friday, please.', 'page');
	await picture(theirs, 'enroll');
	const [file] = await Promise.all([theirs.waitForEvent('download'), theirs.click('button:has-text("Download")')]);
	holds(file.url(), '.mobileconfig', 'address');
	same(await state(), 'began', 'state');
	await theirs.goto(`${opt.base}/enroll`);
	holds(await theirs.textContent('main'), 'How far you are', 'page');
	await picture(theirs, 'enroll-begun');
});
await promise('on a computer there is a code for the phone and nothing to download', async () => {
	const desk = await (await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-US', viewport: { width: 1280, height: 800 } })).newPage();
	await desk.goto(`${opt.base}/login?next=/enroll`);
	await sign(desk, 'mia');
	same(await desk.locator('svg.qr').first().isVisible(), true, 'the code');
	same(await desk.locator('button:has-text("Download")').count(), 0, 'buttons');
	await picture(desk, 'enroll-desk');
});
await promise('an admin invites by the console, and sees how far everybody is', async () => {
	const desk = await (await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-US', viewport: { width: 1280, height: 800 } })).newPage();
	await desk.goto(`${opt.base}/login?next=/admin/invitations`);
	await sign(desk, 'ada');
	holds(await desk.textContent('main'), 'mia', 'page');
	await picture(desk, 'invitations');
	await desk.click('text=Invite');
	await desk.check('label:has-text("tom") input');
	await desk.check('input[value="link"]');
	await desk.click('text=Send the invitations');
	holds(await desk.textContent('main'), 'Invited: 1', 'page');
	holds(await desk.textContent('.code code'), '/e/', 'link');
	await picture(desk, 'invite-made');
});
await browser.close();
console.log(`1..${n}`);
process.exit(failed ? 1 : 0);
