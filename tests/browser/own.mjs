/*
 * A person's own mobileconfig, in Chromium as an iPhone, with a simulated iPhone (tests/device) for what Settings does:
 * the page explains, the button hands over <username>.mobileconfig, the phone installs it, the page knows; removed and
 * revoked by its person; IT sees who has which, and takes one back.  Prints TAP.
 */
import { chromium } from 'playwright-core';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: opt } = parseArgs({ options: {
	base: { type: 'string' }, phone: { type: 'string', multiple: true }, out: { type: 'string' },
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

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu',
	'--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const open = async (extra) => (await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-US', ...extra })).newPage();
const phone = () => open({ userAgent: IPHONE, viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
const desk = () => open({ viewport: { width: 1280, height: 800 } });
const picture = async (page, name) => {
	if (!opt.out) return;
	mkdirSync(opt.out, { recursive: true });
	for (const scheme of ['light', 'dark']) {
		await page.emulateMedia({ colorScheme: scheme });
		await page.screenshot({ path: join(opt.out, `${name}-${scheme}.png`), fullPage: true });
	}
	await page.emulateMedia({ colorScheme: 'light' });
};
const sign = async (page, name, path) => {
	await page.goto(`${opt.base}/login?next=${path}`);
	await page.fill('#name', name);
	await page.fill('#password', SECRET);
	await page.click('main button');
};
/* The button, and what Settings does with the file. */
const install = async (page) => {
	const [file] = await Promise.all([page.waitForEvent('download'), page.click('main form button:has-text("Download")')]);
	same(file.suggestedFilename(), 'mia.mobileconfig', 'the file');
	execFileSync(opt.phone[0], ['eas', file.url(), ...opt.phone.slice(1)], { stdio: ['ignore', 'pipe', 'inherit'] });
	await page.goto(`${opt.base}/eas`);
};
const mine = (page) => page.textContent('section[aria-labelledby=h-mine]');

const theirs = await phone();
await promise('the page says what iOS will ask, and how to remove it', async () => {
	await sign(theirs, 'mia', '/eas');
	const text = await theirs.textContent('main');
	for (const part of ['passcode', 'password of your mail account', 'Only one Exchange account', 'Verified', 'How to remove it'])
		holds(text, part, 'page');
	same(await theirs.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'no sideways scrolling');
	await picture(theirs, 'own');
});
await promise('the button hands over mia.mobileconfig, the phone installs it, and the page knows', async () => {
	await install(theirs);
	holds(await mine(theirs), 'given out', 'mine');
	await picture(theirs, 'own-given');
});
await promise('installed again, the old certificate ends when she says that the new one works', async () => {
	await install(theirs);
	holds(await mine(theirs), 'An older certificate', 'mine');
	await theirs.click('button:has-text("It works")');
	holds(await theirs.textContent('[role=status]'), 'older certificate is revoked', 'what was done');
	lacks(await mine(theirs), 'An older certificate', 'mine');
	holds(await mine(theirs), 'installed', 'mine');
});
await promise('removed and said so, its certificate is revoked once she confirms it', async () => {
	await theirs.click('button:has-text("I removed it")');
	holds(await mine(theirs), 'removed, certificate still good', 'mine');
	await picture(theirs, 'own-removed');
	await theirs.click('button:has-text("Revoke its certificate")');
	holds(await mine(theirs), 'revoked', 'mine');
});
await promise('somebody else sees nothing of hers, and on a computer there is a code for the phone', async () => {
	const other = await desk();
	await sign(other, 'tom', '/eas');
	const text = await other.textContent('main');
	lacks(text, 'mia', 'page');
	lacks(text, 'What you have', 'page');
	same(await other.locator('svg.qr').first().isVisible(), true, 'the code');
	same(await other.locator('main button:has-text("Download")').count(), 0, 'buttons');
	await picture(other, 'own-desk');
});
await promise('IT sees who has which, and takes it back with a reason', async () => {
	await install(theirs);
	const it = await desk();
	await sign(it, 'ada', '/admin/own');
	holds(await it.textContent('table'), 'mia', 'list');
	await picture(it, 'owned');
	await it.click('summary:has-text("Revoke")');
	await it.selectOption('select[name=reason]', 'keyCompromise');
	await it.click('td form button:has-text("Revoke")');
	holds(await it.textContent('[role=status]'), 'revoked', 'what was done');
	await theirs.reload();
	holds(await mine(theirs), 'revoked', 'mine');
});

await browser.close();
console.log(`1..${n}`);
process.exit(failed ? 1 : 0);
