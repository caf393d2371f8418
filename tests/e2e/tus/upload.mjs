// Uploads a file with tus-js-client, as a browser or a CI job would: upload.mjs URL FILE TOKEN [STOP].
// With STOP it gives up after so many bytes and prints the upload's address; with RESUME=address in the
// environment it goes on from there.  Prints "address URL" and "done".
import fs from "node:fs";
import * as tus from "tus-js-client";

const [url, file, token, stop] = process.argv.slice(2);
const upload = new tus.Upload(fs.createReadStream(file), {
	endpoint: url,
	uploadUrl: process.env.RESUME || null,
	uploadSize: fs.statSync(file).size,
	chunkSize: 1000000,
	retryDelays: [100, 200, 400, 800, 1600, 3200],
	headers: { Authorization: `Bearer ${token}` },
	metadata: { filename: "Demo.ipa", channel: "beta", changelog: "Grüße" },
	onError(error) {
		console.error(String(error));
		process.exit(1);
	},
	onChunkComplete(size, accepted) {
		if (stop && accepted >= Number(stop)) {
			console.log(`address ${upload.url}`);
			process.exit(0);
		}
	},
	onSuccess() {
		console.log(`address ${upload.url}`);
		console.log("done");
	},
});
upload.start();
