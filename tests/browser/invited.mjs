/*
 * The invited person's way, in Chromium as an iPhone: the mail arrives, its link opens with nobody's name, what IT
 * sees stands before the download, signing in leads on, somebody else is told whom it is for, and saying no is seen.
 * Prints TAP.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import https from 'node:https';
import { parseArgs } from 'node:util';
import { desk, end, holds, lacks, launch, phone, picture, promise, same, sign, until } from './stage.mjs';

const { values: opt } = parseArgs({ options: {
	base: { type: 'string' }, token: { type: 'string' }, mail: { type: 'string' }, out: { type: 'string' },
} });
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

const browser = await launch();
const shot = (page, name) => picture(page, opt.out, name);

let link;
const theirs = await phone(browser);
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
	await shot(theirs, 'invited');
	await until('opened', async () => await state() === 'opened');
});
await promise('somebody else who signs in is told whom it is for, and gets no further', async () => {
	const other = await phone(browser);
	await other.goto(link);
	await other.click('text=Sign in and go on');
	await sign(other, 'tom');
	holds(await other.textContent('main'), 'This invitation is for mia', 'page');
	await shot(other, 'notyours');
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
	await shot(theirs, 'enroll');
	const [file] = await Promise.all([theirs.waitForEvent('download'), theirs.click('button:has-text("Download")')]);
	holds(file.url(), '.mobileconfig', 'address');
	same(await state(), 'began', 'state');
	await theirs.goto(`${opt.base}/enroll`);
	holds(await theirs.textContent('main'), 'How far you are', 'page');
	await shot(theirs, 'enroll-begun');
});
await promise('on a computer there is a code for the phone and nothing to download', async () => {
	const there = await desk(browser);
	await there.goto(`${opt.base}/login?next=/enroll`);
	await sign(there, 'mia');
	same(await there.locator('svg.qr').first().isVisible(), true, 'the code');
	same(await there.locator('button:has-text("Download")').count(), 0, 'buttons');
	await shot(there, 'enroll-desk');
});
await promise('an admin invites by the console, and sees how far everybody is', async () => {
	const there = await desk(browser);
	await there.goto(`${opt.base}/login?next=/admin/invitations`);
	await sign(there, 'ada');
	holds(await there.textContent('main'), 'mia', 'page');
	await shot(there, 'invitations');
	await there.click('text=Invite');
	await there.check('label:has-text("tom") input');
	await there.check('input[value="link"]');
	await there.click('text=Send the invitations');
	holds(await there.textContent('main'), 'Invited: 1', 'page');
	holds(await there.textContent('.code code'), '/e/', 'link');
	await shot(there, 'invite-made');
});
await end(browser);
