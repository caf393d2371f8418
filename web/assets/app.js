/* Pomona's only script. Every page works without it: this adds upload progress, live state, copy. */
(() => {
'use strict';
const $ = (s, from = document) => from.querySelector(s);
const all = (s) => document.querySelectorAll(s);

/* Times in the reader's own zone and, within the page's language, their own way. */
const said = document.documentElement.lang || 'en';
const lang = navigator.languages.find((l) => l.split('-')[0] === said.split('-')[0]) || said;
const local = (el) => {
	const at = new Date(el.dateTime);
	if (isNaN(at) || !el.dateTime.includes('T')) return;
	el.textContent = new Intl.DateTimeFormat(lang, el.dataset.local === 'time'
		? { timeStyle: 'medium' } : { dateStyle: 'long', timeStyle: 'short' }).format(at);
};
all('time[data-local]').forEach(local);

/* Copy buttons: shown only where copying works. */
all('[data-copy]').forEach((button) => {
	const label = $('span', button), said = label.textContent;
	if (!navigator.clipboard) return;
	button.hidden = false;
	label.setAttribute('aria-live', 'polite');
	button.addEventListener('click', () => navigator.clipboard.writeText(button.dataset.copy).then(() => {
		label.textContent = button.dataset.done;
		setTimeout(() => { label.textContent = said; }, 2500);
	}, () => {}));
});

/* Live state of an install or of setting up a device: the page's own data, as JSON, until nothing more can change. */
const live = $('[data-live]');
const glyphs = { done: '#g-check', now: '#g-now', wait: '#g-wait', fail: '#g-cross' };
const show = (step) => {
	const li = $(`[data-step="${CSS.escape(step.kind)}"]`, live);
	if (!li) return;
	if (li.className !== step.state) {
		li.className = step.state;
		$('use', li).setAttribute('href', glyphs[step.state]);
		$('.vh', li).textContent = li.dataset[step.state] + ' ';
	}
	const percent = $('[data-percent]', li);
	if (percent) percent.textContent = step.percent === null ? '' : `, ${step.percent} %`;
	let time = $('time', li);
	if (step.at && !time) {
		const p = document.createElement('p');
		time = document.createElement('time');
		time.dataset.local = 'time';
		p.append(time);
		$('strong', li).after(p);
	}
	if (step.at && time.dateTime !== step.at.iso) {
		time.dateTime = step.at.iso;
		local(time);
	}
};
const watch = (tries) => {
	if (tries <= 0) return;
	if (document.hidden) {
		document.addEventListener('visibilitychange', () => watch(tries), { once: true });
		return;
	}
	fetch(live.dataset.live, { headers: { Accept: 'application/json' }, credentials: 'same-origin' })
		.then((r) => (r.ok ? r.json() : Promise.reject(r.status)))
		.then((data) => {
			data.steps.forEach(show);
			for (const is of ['stall', 'look'])
				all(`[data-${is}]`).forEach((el) => { el.hidden = el.dataset[is] !== data[is]; });
			if (data.over && live.dataset.then) location.replace(live.dataset.then);
			const over = data.over || data.steps.some((s) => s.state === 'fail');
			if (!over) setTimeout(watch, 2000, tries - 1);
		}, () => setTimeout(watch, 10000, tries - 1));
};
if (live && !live.hidden) watch(900);
all('[data-install]').forEach((a) => a.addEventListener('click', () => {
	if (a.dataset.tapped) fetch(a.dataset.tapped, { method: 'POST', keepalive: true }).catch(() => {});
	if (!live || !live.hidden) return;
	live.hidden = false;
	watch(900);
}));

/* What is under way: looked at again until it shows something else. */
const marked = $('[data-mark]');
const look = (tries) => {
	const again = (ms) => tries && setTimeout(look, ms, tries - 1);
	if (document.hidden) { again(3000); return; }
	fetch(location.href, { headers: { Accept: 'application/json' } }).then((r) => r.json())
		.then((d) => ((d.device || d).mark === marked.dataset.mark ? again(3000) : location.reload()))
		.catch(() => again(10000));
};
if (marked) look(600);

/* The PIN was right: on to iOS, once. */
const begin = $('[data-begin]');
if (begin) {
	history.replaceState(null, '', location.pathname);
	begin.click();
}

/* Upload with progress; in pieces that survive a broken connection where the server offers tus. */
const form = $('form[data-upload]');
if (form) {
	const input = $('input[type=file]', form), drop = $('.drop', form), box = $('[data-progress]', form);
	const bar = $('progress', box), label = $('#up-l'), refused = $('[data-refused]', form);
	const csrf = $('[name=csrf]', form).value, PIECE = 16 << 20, TRIES = 30, READS = 300;
	let request = null, stopped = false;

	['dragenter', 'dragover'].forEach((e) => drop.addEventListener(e, () => drop.classList.add('over')));
	['dragleave', 'drop'].forEach((e) => drop.addEventListener(e, () => drop.classList.remove('over')));

	const mb = (n) => new Intl.NumberFormat(lang, { maximumFractionDigits: 0 }).format(n / 1e6);
	const progress = (file, sent) => {
		bar.value = file.size ? 100 * sent / file.size : 0;
		label.textContent = sent < file.size
			? `${label.dataset.label}: ${file.name}, ${mb(sent)} / ${mb(file.size)} MB`
			: `${label.dataset.reading}: ${file.name}`;
	};
	/* One request; answers {status, header, json}. A broken connection is a rejection. */
	const send = (method, url, headers, body, sent) => new Promise((done, broken) => {
		const x = request = new XMLHttpRequest();
		x.open(method, url);
		x.setRequestHeader('Accept', 'application/json');
		x.setRequestHeader('X-CSRF-Token', csrf);
		Object.entries(headers).forEach(([k, v]) => x.setRequestHeader(k, v));
		if (sent) x.upload.onprogress = (e) => sent(e.loaded);
		x.onload = () => {
			let json = {};
			try { json = JSON.parse(x.responseText); } catch { /* no words */ }
			done({ status: x.status, header: (h) => x.getResponseHeader(h), json });
		};
		x.onerror = x.onabort = broken;
		x.send(body);
	});
	const pause = (ms) => new Promise((later) => setTimeout(later, ms));
	const whole = (file) => send('PUT', form.dataset.upload,
		{ 'Content-Type': 'application/octet-stream' }, file, (n) => progress(file, n));
	const pieces = async (file) => {
		const tus = { 'Tus-Resumable': '1.0.0' };
		const made = await send('POST', form.dataset.tus, { ...tus, 'Upload-Length': file.size,
			'Upload-Metadata': `notify ${btoa('no')},filename ${btoa(String.fromCharCode(...new TextEncoder().encode(file.name)))}` }, null);
		const url = made.header('Location');
		if (made.status !== 201 || !url) return made;
		for (let at = 0, tries = 0; at < file.size;) {
			try {
				const from = at, r = await send('PATCH', url, { ...tus, 'Upload-Offset': from,
					'Content-Type': 'application/offset+octet-stream' },
				file.slice(from, from + PIECE), (n) => progress(file, from + n));
				if (r.status === 204) { at = +r.header('Upload-Offset'); tries = 0; continue; }
				if (r.status < 500 && r.status !== 409) return r;
			} catch (e) {
				if (stopped) throw e;
			}
			if (++tries > TRIES) throw new Error('broken');
			await pause(Math.min(1000 * tries, 10000));
			const r = await send('HEAD', url, tus, null).catch(() => null);
			if (r && r.status === 200) at = +r.header('Upload-Offset');
		}
		progress(file, file.size);
		for (let n = 0;; n++) {	/* it is being read: 202 until there is an answer */
			const r = await send('GET', url, tus, null).catch(() => null);
			if (r && r.status !== 202) return r;
			if (stopped || n > READS) throw new Error('broken');
			await pause(Math.min(100 * (n + 1), 2000));
		}
	};
	form.addEventListener('submit', async (event) => {
		const file = input.files[0];
		if (!file) return;
		event.preventDefault();
		stopped = false;
		refused.hidden = true;
		box.hidden = false;
		progress(file, 0);
		try {
			const { status, json } = await (form.dataset.tus ? pieces(file) : whole(file));
			if (json.build) {
				location.href = form.dataset.then + encodeURIComponent(json.build.id);
				return;
			}
			box.hidden = true;
			refused.hidden = false;
			$('[data-why]', refused).textContent = (json.error && json.error.text) || json.detail || json.title || status;
		} catch {
			if (stopped) box.hidden = true;
			else label.textContent = label.dataset.broken;
		}
	});
	$('[data-stop]', form).addEventListener('click', () => { stopped = true; if (request) request.abort(); box.hidden = true; });
	input.addEventListener('change', () => { refused.hidden = true; });
}
})();
