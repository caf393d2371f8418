/*
 * Looks at pages in Chromium: a picture of each, axe-core, sideways scrolling, what the
 * Content-Security-Policy refuses, and the weight.
 *
 *	node shots.mjs --samples ../../build/render [--out DIR] [--only app,install]
 *		the samples that test_page has rendered ($POMONA_RENDER_DIR), served from here
 *	node shots.mjs --base http://127.0.0.1:8080 --cookie name=value --paths /,/admin [--out DIR]
 *		a server that runs
 *
 * Ends with 1 when anything is wrong.
 */
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { mkdirSync, readFileSync, readdirSync, existsSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { parseArgs } from 'node:util';
import { launch } from './stage.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const { values: opt } = parseArgs({ options: {
	samples: { type: 'string' }, base: { type: 'string' }, cookie: { type: 'string' }, paths: { type: 'string' },
	out: { type: 'string' }, only: { type: 'string' }, languages: { type: 'string', default: 'en,de,fr,es,ja,zh-Hans' },
} });

const CSP = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; form-action 'self'; " +
	"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";
/* A mail brings its style and picture along; no server says what may be in it. */
const MAIL_CSP = CSP.replace("style-src 'self'", "style-src 'unsafe-inline'").replace("img-src 'self'", "img-src 'self' cid:");
const VIEWS = [
	{ name: 'phone', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
	{ name: 'desk', viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
];
const HTML_MAX_GZ = 14 << 10, CSS_MAX_GZ = 10 << 10, JS_MAX = 8 << 10;

/* ---- the samples' own server ---- */
const icon = (name) => {
	const hue = [...name].reduce((h, c) => (h * 31 + c.charCodeAt(0)) % 360, 7);
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><linearGradient id="g" x2="0" y2="1"><stop stop-color="hsl(${hue} 80% 62%)"/><stop offset="1" stop-color="hsl(${hue} 75% 38%)"/></linearGradient><path fill="url(#g)" d="M0 0h64v64H0z"/><circle cx="32" cy="32" r="15" fill="none" stroke="#fff" stroke-width="5"/></svg>`;
};

const types = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml', html: 'text/html; charset=utf-8' };

const serve = (dir) => new Promise((ready) => {
	const server = createServer((req, res) => {
		const url = new URL(req.url, 'http://localhost'), part = url.pathname.split('/').slice(1);
		const end = (status, type, body) => {
			res.writeHead(status, { 'Content-Type': types[type] || 'text/plain',
				'Content-Security-Policy': /^mail(-|$)/.test(part[1]) ? MAIL_CSP : CSP });
			res.end(body);
		};
		if (part[0] === 'assets' && existsSync(join(here, '../../web/assets', part[2] || '')))
			return end(200, part[2].split('.').pop(), readFileSync(join(here, '../../web/assets', part[2])));
		if (part[0] === 'look.css' && existsSync(join(dir, 'look.css')))
			return end(200, 'css', readFileSync(join(dir, 'look.css')));
		if (part[2] === 'icon')
			return end(200, 'svg', icon(part[1]));
		if (part[0] === 'logo')
			return end(200, 'svg', '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 28"><path fill="#b4237a" d="M0 0h90v28H0z"/></svg>');
		const file = join(dir, part[0] || '', `${part[1]}.html`);
		return existsSync(file) ? end(200, 'html', readFileSync(file)) : end(404, 'text', 'not here');
	});
	server.listen(0, '127.0.0.1', () => ready(server));
});

/* ---- one look at one page ---- */
let wrong = 0;
const complain = (...words) => { wrong++; console.log('WRONG', ...words); };

const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
const openAll = (page) => page.evaluate(() => {
	document.querySelectorAll('details').forEach((d) => { d.open = true; });
	document.querySelectorAll('[data-progress],[data-refused]').forEach((e) => { e.hidden = false; });
});

const judge = async (page, name) => {
	await page.evaluate(axe);
	const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
	for (const v of violations)
		complain(name, v.id, v.help, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | '));
	const small = await page.evaluate(() => [...document.querySelectorAll('a,button,input:not([type=hidden]),select,summary,textarea')]
		.filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest('p,.prose,.vh,.skip,[inert],label,td,th,strong,.timeline,.row h3') && !e.matches('.vh,.skip'))
		.map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height + (e.matches('.pill') ? 18 : 0), e.getBoundingClientRect()])
		.filter(([, h, r]) => r.width && h < 43.5).map(([html, h]) => `${html} ${Math.round(h)} px`));
	small.forEach((s) => complain(name, 'target below 44 px', s));
};

const look = async (browser, base, path, name, out, thorough) => {
	for (const colorScheme of ['light', 'dark'])
		for (const view of VIEWS) {
			const { name: device, ...device_opts } = view;
			const context = await browser.newContext({ ...device_opts, ignoreHTTPSErrors: true, colorScheme, reducedMotion: 'reduce' });
			if (opt.cookie) {
				const [k, ...v] = opt.cookie.split('=');
				await context.addCookies([{ name: k, value: v.join('='), url: base }]);
			}
			const page = await context.newPage(), full = `${name} ${device} ${colorScheme}`;
			page.on('console', (m) => { if (m.type() === 'error' && !/404|Failed to load/.test(m.text())) complain(full, m.text()); });
			page.on('pageerror', (e) => complain(full, e.message));
			await page.addInitScript(() => document.addEventListener('click', (e) => {	// nothing here takes it up
				if (e.target.closest('a[href^="itms-services:"]')) e.preventDefault();
			}, true));
			await page.goto(base + path, { waitUntil: 'load' });
			if (out)
				await page.screenshot({ path: join(out, `${name}-${device}-${colorScheme}.png`.replaceAll('/', '_')) });
			await openAll(page);
			if (await sideways(page) > 0) complain(full, 'scrolls sideways');
			if (thorough) await judge(page, full);
			const menu = page.locator('button.menu');
			if (await menu.isVisible()) {
				await menu.click();
				if (thorough) await judge(page, `${full} with its menu`);
				if (out && colorScheme === 'light' && name.endsWith('today'))
					await page.screenshot({ path: join(out, `${name}-${device}-menu.png`.replaceAll('/', '_')) });
				await page.keyboard.press('Escape');
			}
			if (device === 'phone') {
				await page.setViewportSize({ width: 320, height: 700 });
				if (await sideways(page) > 0) complain(full, 'scrolls sideways at 320 px');
				await page.evaluate(() => { const s = new CSSStyleSheet(); s.replaceSync('html{font-size:200%!important}'); document.adoptedStyleSheets = [s]; });
				if (await sideways(page) > 0) complain(full, 'scrolls sideways at 320 px with 200 % text');
			}
			await context.close();
		}
};

/* ---- */
const out = opt.out;
if (out) mkdirSync(out, { recursive: true });
const browser = await launch();
if (opt.samples) {
	const server = await serve(opt.samples), base = `http://127.0.0.1:${server.address().port}`;
	const languages = opt.languages.split(',');
	for (const language of languages)
		for (const file of readdirSync(join(opt.samples, language)).sort()) {
			const page = file.replace('.html', ''), html = readFileSync(join(opt.samples, language, file));
			if (opt.only && !opt.only.split(',').includes(page)) continue;
			const gz = gzipSync(html, { level: 9 }).length;
			if (gz > HTML_MAX_GZ) complain(language, page, `weighs ${gz} bytes`);
			if (language === languages[0]) console.log(`${page}: ${(gz / 1024).toFixed(1)} KB`);
			await look(browser, base, `/${language}/${page}`, `${language}-${page}`, out, true);
		}
	server.close();
} else {
	for (const path of opt.paths.split(','))
		await look(browser, opt.base.replace(/\/$/, ''), path, path.replace(/^\//, '') || 'start', out, true);
}
await browser.close();
const css = gzipSync(readFileSync(join(here, '../../web/assets/pomona.css')), { level: 9 }).length;
const js = readFileSync(join(here, '../../web/assets/app.js')).length;
if (css > CSS_MAX_GZ) complain(`the stylesheet weighs ${css} bytes`);
if (js > JS_MAX) complain(`the script is ${js} bytes long`);
console.log(`pomona.css ${(css / 1024).toFixed(1)} KB gzipped, app.js ${js} bytes; ${wrong} wrong`);
process.exit(wrong ? 1 : 0);
