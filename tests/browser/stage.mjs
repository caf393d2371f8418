/*
 * What the stories play on: Chromium with its phones and desks, promises told as TAP, checks that say what is wrong.
 */
import { chromium } from 'playwright-core';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ' +
	'Version/18.1 Mobile/15E148 Safari/604.1';
export const SECRET = 'four quiet words here';		/* everybody's password */
const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync'];
export const launch = () => chromium.launch({ executablePath: '/usr/bin/chromium', args: QUIET });

/* ---- promises ---- */

let n = 0, failed = 0;
export const promise = async (name, run) => {
	n++;
	try {
		await run();
		console.log(`ok ${n} ${name}`);
	} catch (e) {
		failed++;
		console.log(`not ok ${n} ${name}\n# ${String(e.message).split('\n').slice(0, 6).join('\n# ')}`);
	}
};
export const end = async (browser) => {
	await browser.close();
	console.log(`1..${n}`);
	process.exit(failed ? 1 : 0);
};

export const same = (a, b, what) => { if (a !== b) throw new Error(`${what}: ${JSON.stringify(a)} is not ${JSON.stringify(b)}`); };
export const holds = (text, part, what) => { if (!text.includes(part)) throw new Error(`${what}: no "${part}" in "${text.slice(0, 300)}"`); };
export const lacks = (text, part, what) => { if (text.includes(part)) throw new Error(`${what}: "${part}" is in it`); };
export const until = async (what, look) => {
	for (let i = 0; i < 400; i++) {
		const found = await look();
		if (found) return found;
		await new Promise((done) => setTimeout(done, 50));
	}
	throw new Error(`waited in vain for ${what}`);
};

/* ---- pages ---- */

const open = async (browser, extra) => (await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-US', ...extra })).newPage();
export const phone = (browser, extra) => open(browser, { userAgent: IPHONE, viewport: { width: 390, height: 844 }, deviceScaleFactor: 2,
	isMobile: true, hasTouch: true, ...extra });
export const desk = (browser, extra) => open(browser, { viewport: { width: 1280, height: 800 }, ...extra });

export const sign = async (page, name, password = SECRET) => {
	await page.fill('#name', name);
	await page.fill('#password', password);
	await page.click('main button');
};

/* Light and dark, each kept in `out` when that is named and then given to `look`. */
export const picture = async (page, out, name, look = () => {}) => {
	if (out) mkdirSync(out, { recursive: true });
	for (const scheme of ['light', 'dark']) {
		await page.emulateMedia({ colorScheme: scheme });
		if (out) await page.screenshot({ path: join(out, `${name}-${scheme}.png`), fullPage: true });
		await look(scheme);
	}
	await page.emulateMedia({ colorScheme: 'light' });
};
