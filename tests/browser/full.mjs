/*
 * What Chromium sees of a server without room: the refusal of a large body arrives, every time.  Prints TAP.
 */
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { desk, end, holds, launch, promise, same, sign } from './stage.mjs';

const { values: opt } = parseArgs({ options: { base: { type: 'string' }, work: { type: 'string' } } });
const browser = await launch();
const page = await desk(browser);

await promise('the refusal of a body for which there is no room arrives, every time', async () => {
	await page.goto(`${opt.base}/login?next=/admin/upload`);
	await sign(page, 'admin');
	const csrf = await page.getAttribute('form[data-upload] input[name=csrf]', 'value');
	for (let i = 0; i < 8; i++) {
		const [status, code] = await page.evaluate(async (proof) => {
			const r = await fetch('/api/v1/upload', { method: 'PUT', body: new Uint8Array(60e6), headers: { 'X-CSRF-Token': proof } });
			return [r.status, (await r.json()).code];
		}, csrf);
		same(status, 507, `try ${i}`);
		same(code, 'no_room', `try ${i}`);
	}
});
await promise('the upload page says so, too', async () => {
	const file = join(opt.work, 'roomy.ipa');
	writeFileSync(file, new Uint8Array(3e6));
	await page.setInputFiles('#file', file);
	await page.click('form[data-upload] button:not([type=button])');
	await page.waitForSelector('[data-refused]:not([hidden])');
	holds(await page.textContent('[data-why]'), 'room', 'reason');
});
await end(browser);
