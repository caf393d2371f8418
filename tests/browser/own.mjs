/*
 * A person's own mobileconfig, in Chromium as an iPhone, with a simulated iPhone (tests/device) for what Settings does:
 * the page explains, the button hands over <username>.mobileconfig, the phone installs it, the page knows; removed and
 * revoked by its person; IT sees who has which, and takes one back.  With --front, the name of the proxy that it all goes
 * through, also what is opened by that certificate alone.  Prints TAP.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { desk, end, holds, lacks, launch, phone, picture, promise, same, sign } from './stage.mjs';

const { values: opt } = parseArgs({ options: {
	base: { type: 'string' }, front: { type: 'string' }, phone: { type: 'string', multiple: true }, out: { type: 'string' },
} });

const browser = await launch();
const shot = (page, name) => picture(page, opt.out, name);
const signAt = async (page, name, path) => {
	await page.goto(`${opt.base}/login?next=${path}`);
	await sign(page, name);
};
/* The button, and what Settings does with the file. */
const install = async (page, who = 'mia', number = 0) => {
	const [file] = await Promise.all([page.waitForEvent('download'), page.click('main form button:has-text("Download")')]);
	same(file.suggestedFilename(), `${who}.mobileconfig`, 'the file');
	execFileSync(opt.phone[0], ['eas', file.url(), '--number', String(number), ...opt.phone.slice(1)], { stdio: ['ignore', 'pipe', 'inherit'] });
	await page.goto(`${opt.base}/eas`);
};
const mine = (page) => page.textContent('section[aria-labelledby=h-mine]');

/* The identity that came with what phone `number` installed last, as a browser shows it to who asks. */
const identity = (number = 0) => {
	const state = opt.phone.find((o) => o.startsWith('--state=')).slice('--state='.length);
	const [cert, key] = JSON.parse(execFileSync('python3', ['-c', `
import json, plistlib, ssl, subprocess, sys
state = plistlib.loads(subprocess.run([sys.argv[1], "show", sys.argv[2], sys.argv[3]], stdout=subprocess.PIPE, check=True).stdout)
one = [c for c in state["Certificates"] if ".eas." in c["Owner"]][-1]
print(json.dumps([ssl.DER_cert_to_PEM_cert(one["Data"]), one["Key"].decode()]))`, opt.phone[0], state, String(number)], { encoding: 'utf8' }));
	return { clientCertificates: [{ origin: new URL(opt.base).origin, cert: Buffer.from(cert), key: Buffer.from(key) }] };
};
const status = async (page, path) => (await page.goto(opt.base + path)).status();

/* The proxy asks for the certificate, and passes it on with its person's name. */
async function behind() {
	let first, next;
	await promise(`behind ${opt.front} her certificate signs her in without a password, and is known to be in use`, async () => {
		await install(theirs);
		holds(await mine(theirs), 'given out', 'mine');
		first = await phone(browser, identity());
		same(await status(first, '/eas'), 200, 'by her certificate');
		holds(await mine(first), 'installed', 'mine');
		await shot(first, 'own-certificate');
		same(await status(await phone(browser), '/account'), 200, 'the sign-in, without one');
	});
	await promise('installed again by it alone, the old one opens nothing more once the new one is shown', async () => {
		await install(first);
		holds(await mine(first), 'An older certificate', 'mine');
		next = await phone(browser, identity());
		same(await status(next, '/eas'), 200, 'by the new one');
		lacks(await mine(next), 'An older certificate', 'mine');
		same(await status(first, '/eas'), 403, 'by the old one');
		lacks(await first.textContent('body'), 'mia', 'what is said to the old one');
	});
	await promise("another person's certificate opens their own page, nothing of hers, and not what is IT's", async () => {
		const tom = await phone(browser);
		await signAt(tom, 'tom', '/eas');
		await install(tom, 'tom', 1);
		const toms = await phone(browser, identity(1));
		same(await status(toms, '/eas'), 200, 'by his');
		holds(await mine(toms), 'installed', 'his');
		lacks(await toms.textContent('main'), 'mia', 'page');
		same([403, 404].includes(await status(toms, '/admin/own')), true, 'the list of all');
		/* beside his certificate her sign-in counts for nothing */
		await toms.context().addCookies(await theirs.context().cookies());
		await toms.goto(`${opt.base}/account`);
		lacks(await toms.textContent('main'), 'mia', 'his account');
	});
	await promise('revoked by herself, her certificate opens nothing at all', async () => {
		await next.click('summary:has-text("Revoke its certificate")');
		await next.click('button:has-text("Revoke its certificate")');
		same(await status(next, '/eas'), 403, 'by what was revoked');
		await theirs.reload();
		holds(await mine(theirs), 'revoked', 'mine');
	});
}

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

if (opt.front) await behind();

await end(browser);
