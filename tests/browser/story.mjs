/*
 * What people do in a browser, in Chromium against a real server: sign in, change the one-time
 * password, upload with and without scripts, install, refusals that must be seen.  Then every page is
 * looked at (shots.mjs).  Prints TAP.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync, mkdirSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { SECRET, end, holds, launch, promise, same, sign } from './stage.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const { values: opt } = parseArgs({ options: {
	base: { type: 'string' }, password: { type: 'string' }, work: { type: 'string' }, out: { type: 'string' },
} });

/* A small app without a provision: read, kept, shown, and not installable. */
const ipa = (version) => {
	const file = join(opt.work, `Demo-${version}.ipa`);
	execFileSync('python3', ['-c', `
import sys, zipfile, plistlib, os
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as z:
    z.writestr('Payload/Demo.app/Info.plist', plistlib.dumps({'CFBundleIdentifier': 'com.example.demo',
        'CFBundleName': 'Demo <b>&"\\u2603', 'CFBundleShortVersionString': sys.argv[2], 'CFBundleVersion': '7',
        'MinimumOSVersion': '16.4', 'UIDeviceFamily': [1, 2], 'DTPlatformName': 'iphoneos', 'CFBundleExecutable': 'Demo'}))
    z.writestr('Payload/Demo.app/Demo', os.urandom(20000))`, file, version]);
	return file;
};

const browser = await launch();
const refusedByPolicy = [];
const open = async (extra = {}) => {
	const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-US', ...extra });
	const page = await context.newPage();
	page.on('console', (m) => { if (/Content.Security.Policy/i.test(m.text())) refusedByPolicy.push(m.text()); });
	page.setDefaultTimeout(20000);
	return page;
};
const signAdmin = async (page, password) => {
	await page.goto(`${opt.base}/login?next=/admin`);
	await sign(page, 'admin', password);
};

const page = await open();
await promise('a stranger is shown the sign-in page and nothing else', async () => {
	await page.goto(`${opt.base}/apps/com.example.demo`);
	holds(page.url(), '/login?next=', 'address');
});
await promise('a wrong password is refused in place', async () => {
	await signAdmin(page, 'wrong password');
	holds(await page.textContent('main'), 'password', 'page');
	same(await page.getAttribute('#password', 'aria-invalid'), 'true', 'the field');
});
await promise('the one-time password leads to a new one before anything else', async () => {
	await signAdmin(page, opt.password);
	await page.goto(`${opt.base}/`);
	holds(page.url(), '/account', 'address');
	await page.fill('#old', opt.password);
	await page.fill('#new', SECRET);
	await page.fill('#again', SECRET);
	await page.click('form[action="/account/password"] button');
	await page.goto(`${opt.base}/admin`);
	holds(page.url(), '/admin', 'address');
});
await promise('an upload with scripts shows its verdict', async () => {
	await page.goto(`${opt.base}/admin/upload`);
	await page.setInputFiles('#file', ipa('1.0'));
	await page.click('form[data-upload] button:not([type=button])');
	await page.waitForURL(/build=/);
	holds(await page.textContent('#result'), 'no_provision', 'verdict');
});
await promise('an upload without scripts does the same', async () => {
	const plain = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false,
		storageState: await page.context().storageState() });
	const p = await plain.newPage();
	await p.goto(`${opt.base}/admin/upload`);
	await p.setInputFiles('#file', ipa('1.1'));
	await p.click('form[action="/admin/upload"] button:not([type=button])');
	await p.waitForURL(/build=/);
	holds(await p.textContent('#result'), '1.1', 'result');
	await plain.close();
});
await promise('what is no app is refused in place, with the reason', async () => {
	const file = join(opt.work, 'no.ipa');
	writeFileSync(file, 'not a zip');
	await page.goto(`${opt.base}/admin/upload`);
	await page.setInputFiles('#file', file);
	await page.click('form[data-upload] button:not([type=button])');
	await page.waitForSelector('[data-refused]:not([hidden])');
	holds(await page.textContent('[data-why]'), 'zip', 'reason');
});
const put = (p, size, headers = {}) => p.evaluate(async ([length, extra]) => {
	const r = await fetch('/api/v1/upload', { method: 'PUT', body: new Uint8Array(length), headers: extra });
	return [r.status, (await r.json()).code];
}, [size, headers]);
await promise('the refusal of a body that is too large arrives, every time', async () => {
	const csrf = await page.getAttribute('input[name=csrf]', 'value');
	for (let i = 0; i < 8; i++) {
		const [status, code] = await put(page, 60e6, { 'X-CSRF-Token': csrf });
		same(status, 413, `try ${i}`);
		same(code, 'too_large', `try ${i}`);
	}
});
await promise('so does the refusal of a stranger\'s large body', async () => {
	const stranger = await open();
	await stranger.goto(`${opt.base}/login`);
	for (let i = 0; i < 8; i++)
		same((await put(stranger, 60e6))[0], 401, `try ${i}`);
	await stranger.context().close();
});
await promise('an app\'s name is text, whatever it holds', async () => {
	await page.goto(`${opt.base}/apps/com.example.demo`);
	same(await page.textContent('h1'), 'Demo <b>&"\u2603', 'name');
});
await promise('colour and name of the company are on the next page', async () => {
	await page.goto(`${opt.base}/admin/settings`);
	await page.fill('#company_name', 'Example Corp');
	await page.fill('#accent', '#b4237a');
	await page.click('button.primary');
	await page.goto(`${opt.base}/`);
	holds(await page.textContent('.brand'), 'Example Corp', 'brand');
	holds(await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--accent')), '#', 'accent');
});
await promise('the languages of people are spoken', async () => {
	for (const [locale, word] of [['de-DE', 'Anmelden'], ['fr-FR', 'Se connecter'], ['ja-JP', 'サインイン']]) {
		const p = await open({ locale });
		await p.goto(`${opt.base}/login`);
		holds(await p.textContent('body'), word, locale);
		await p.context().close();
	}
});
await promise('no page asks for what its policy refuses', async () => same(refusedByPolicy.join('\n'), '', 'refused'));

const { cookies } = await page.context().storageState();
const cookie = cookies.find((c) => c.name.endsWith('pomona'));
await browser.close();

if (opt.out)
	mkdirSync(opt.out, { recursive: true });
await promise('every page: axe-core, targets, width, weight', async () => {
	const paths = ['/', '/login', '/apps/com.example.demo', '/account', '/trust', '/admin', '/admin/apps',
		'/admin/apps/com.example.demo', '/admin/apps/com.example.demo/settings', '/admin/upload', '/admin/test-devices', '/admin/devices',
		'/admin/people', '/admin/directory', '/admin/groups', '/admin/catalog-items', '/admin/messages',
		'/admin/sending', '/admin/invitations', '/admin/invitations/new', '/admin/devices/came-back', '/enroll', '/admin/audit', '/admin/settings', '/nowhere'];
	try {
		execFileSync('node', [join(here, 'shots.mjs'), '--base', opt.base, '--cookie', `${cookie.name}=${cookie.value}`,
			'--paths', paths.join(','), ...(opt.out ? ['--out', opt.out] : [])], { encoding: 'utf8' });
	} catch (e) {
		throw new Error(e.stdout || e.message);
	}
});
await end(browser);
