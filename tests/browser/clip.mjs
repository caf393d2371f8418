/*
 * The catalog on the home screen, in Chromium as an iPhone: opened without signing in, with what that device has and
 * can have; an app's page; a tap; the page goes on by itself; axe-core finds nothing.  Prints TAP.
 */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { end, holds, launch, phone, picture, promise, same } from './stage.mjs';

const { values: opt } = parseArgs({ options: {
	base: { type: 'string' }, clip: { type: 'string' }, db: { type: 'string' }, bundle: { type: 'string' }, out: { type: 'string' },
} });
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/* What the device would report, written as its report is kept. */
const sql = (text) => execFileSync('sqlite3', ['-cmd', '.timeout 20000', opt.db, text], { encoding: 'utf8' });

const browser = await launch();
const still = (extra) => phone(browser, { reducedMotion: 'reduce', ...extra });
const judged = async (page, name) => {
	await picture(page, opt.out, name, async (scheme) => {
		await page.evaluate(axe);
		const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
		same(violations.map((v) => `${v.id} ${v.nodes[0].html.slice(0, 120)}`).join('; '), '', `${name} ${scheme}`);
	});
	same(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${name} fits its phone`);
};

const page = await still();
const refused = [];
page.on('console', (m) => { if (/Content Security Policy/.test(m.text())) refused.push(m.text()); });
await promise('the home screen’s icon opens the catalog at once, signed in or not', async () => {
	const answer = await page.goto(opt.clip);
	same(answer.status(), 200, 'status');
	same(page.url(), opt.clip, 'address');
	holds(await page.textContent('main'), 'Get', 'page');
	same(await page.locator('.me').count(), 0, 'an account');
	await judged(page, 'clip');
});
await promise('its manifest and icon are there, and nothing is refused by the page’s own policy', async () => {
	const manifest = await page.evaluate(async () => (await fetch(document.querySelector('link[rel=manifest]').href)).json());
	same(new URL(manifest.start_url, opt.base).href, opt.clip, 'start_url');
	same(await page.evaluate(async () => (await fetch(document.querySelector('link[rel=apple-touch-icon]').href)).status), 200, 'icon');
	same(refused.join('\n'), '', 'refused');
});
await promise('a tap on Get, and it waits for the device', async () => {
	await page.click(`h3 a[href$="/apps/${opt.bundle}"]`);
	await judged(page, 'clip-app');
	await page.click('button:has-text("Get")');
	holds(await page.textContent('main'), 'Waiting for your device', 'page');
	same(new URL(page.url()).pathname.endsWith(`/apps/${opt.bundle}`), true, 'address');
	await judged(page, 'clip-waiting');
});
await promise('once the device has it, the page says so by itself, without a tap', async () => {
	sql(`UPDATE managed_app SET state = 'installed', due = NULL WHERE bundle_id = '${opt.bundle}';
		INSERT OR REPLACE INTO installed_app (device_id, bundle_id, name, version, short_version, installed, managed, at)
		SELECT device_id, bundle_id, 'Demo', '999', '999', TRUE, TRUE, 1 FROM managed_app WHERE bundle_id = '${opt.bundle}'`);
	await page.waitForSelector('.hero .pill:has-text("Open")', { timeout: 60000 });
	await judged(page, 'clip-installed');
});
await promise('an older copy is an update, at the top of the list, also without scripts', async () => {
	sql(`UPDATE installed_app SET version = '0', short_version = '0' WHERE bundle_id = '${opt.bundle}'`);
	const plain = await still({ javaScriptEnabled: false });
	await plain.goto(opt.clip);
	holds(await plain.textContent('section[aria-labelledby=updates]'), 'Update', 'updates');
	await page.goto(opt.clip);
	await judged(page, 'clip-updates');
	await plain.click('button:has-text("Update all")');
	same(plain.url(), opt.clip, 'address');
	holds(await plain.textContent('section[aria-labelledby=updates]'), 'Waiting for your device', 'updates');
});
await promise('full screen, where nothing is installed by management, its person signs in and is back, and never leaves the origin', async () => {
	sql('UPDATE enrollment SET access_rights = access_rights & ~4096; DELETE FROM managed_app; DELETE FROM installed_app');
	const whole = await phone(browser);
	await whole.addInitScript(() => Object.defineProperty(navigator, 'standalone', { value: true }));	// as iOS has it there
	/* what throws a full-screen clip out into Safari: another origin, another window */
	const been = [], windows = [];
	whole.on('request', (r) => { if (r.isNavigationRequest()) been.push(r.url()); });
	whole.context().on('page', (p) => windows.push(p.url()));
	const answer = await whole.goto(opt.clip);
	same(answer.status(), 200, 'status');
	await whole.click(`h3 a[href$="/apps/${opt.bundle}"]`);
	await judged(whole, 'clip-sign-in');
	holds(await whole.textContent('main'), 'Sign in to install apps', 'page');
	await whole.click('.hero a:has-text("Get")');
	await whole.fill('#name', 'mia');
	await whole.fill('#password', 'four quiet words here');
	await whole.click('main button');
	await whole.waitForURL(`**/apps/${opt.bundle}`);
	same(new URL(whole.url()).pathname, `/apps/${opt.bundle}`, 'back at the app');
	same(await whole.locator('form[action="/login"]').count(), 0, 'signed in');
	holds(await whole.textContent('main'), 'Get', 'the app');
	same(been.filter((url) => new URL(url).origin !== new URL(opt.base).origin).join(' '), '', 'other origins');
	same(windows.join(' '), '', 'other windows');
	/* the icon opens the same page at the next launch */
	same((await whole.goto(opt.clip)).status(), 200, 'the next launch');
	same(whole.url(), opt.clip, 'address');
	sql("UPDATE enrollment SET access_rights = access_rights | 4096");
});
await promise('another token is the same page as any link that is over', async () => {
	const answer = await page.goto(`${opt.base}/c/AAAAAAAAAAAAAAAAAAAAAA`);
	same(answer.status(), 404, 'status');
});
await end(browser);
