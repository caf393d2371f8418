/*
 * A person's own mobileconfig, in Chromium as an iPhone, with a simulated iPhone (tests/device) for what Settings does:
 * the page explains, the button hands over <username>.mobileconfig, the phone installs it, the page knows; removed and
 * revoked by its person; IT sees who has which, and takes one back.  Prints TAP.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { desk, end, holds, lacks, launch, phone, picture, promise, same, sign } from './stage.mjs';

const { values: opt } = parseArgs({ options: {
	base: { type: 'string' }, phone: { type: 'string', multiple: true }, out: { type: 'string' },
} });

const browser = await launch();
const shot = (page, name) => picture(page, opt.out, name);
const signAt = async (page, name, path) => {
	await page.goto(`${opt.base}/login?next=${path}`);
	await sign(page, name);
};
/* The button, and what Settings does with the file. */
const install = async (page) => {
	const [file] = await Promise.all([page.waitForEvent('download'), page.click('main form button:has-text("Download")')]);
	same(file.suggestedFilename(), 'mia.mobileconfig', 'the file');
	execFileSync(opt.phone[0], ['eas', file.url(), ...opt.phone.slice(1)], { stdio: ['ignore', 'pipe', 'inherit'] });
	await page.goto(`${opt.base}/eas`);
};
const mine = (page) => page.textContent('section[aria-labelledby=h-mine]');

const theirs = await phone(browser);
await promise('the page says what iOS will ask, and how to remove it', async () => {
	await signAt(theirs, 'mia', '/eas');
	const text = await theirs.textContent('main');
	for (const part of ['passcode', 'password of your mail account', 'Only one Exchange account', 'Verified', 'How to remove it'])
		holds(text, part, 'page');
	same(await theirs.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'no sideways scrolling');
	await shot(theirs, 'own');
});
await promise('the button hands over mia.mobileconfig, the phone installs it, and the page knows', async () => {
	await install(theirs);
	holds(await mine(theirs), 'given out', 'mine');
	await shot(theirs, 'own-given');
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
	await shot(theirs, 'own-removed');
	await theirs.click('button:has-text("Revoke its certificate")');
	holds(await mine(theirs), 'revoked', 'mine');
});
await promise('somebody else sees nothing of hers, and on a computer there is a code for the phone', async () => {
	const other = await desk(browser);
	await signAt(other, 'tom', '/eas');
	const text = await other.textContent('main');
	lacks(text, 'mia', 'page');
	lacks(text, 'What you have', 'page');
	same(await other.locator('svg.qr').first().isVisible(), true, 'the code');
	same(await other.locator('main button:has-text("Download")').count(), 0, 'buttons');
	await shot(other, 'own-desk');
});
await promise('IT sees who has which, and takes it back with a reason', async () => {
	await install(theirs);
	const it = await desk(browser);
	await signAt(it, 'ada', '/admin/own');
	holds(await it.textContent('table'), 'mia', 'list');
	await shot(it, 'owned');
	await it.click('summary:has-text("Revoke")');
	await it.selectOption('select[name=reason]', 'keyCompromise');
	await it.click('td form button:has-text("Revoke")');
	holds(await it.textContent('[role=status]'), 'revoked', 'what was done');
	await theirs.reload();
	holds(await mine(theirs), 'revoked', 'mine');
});

await end(browser);
