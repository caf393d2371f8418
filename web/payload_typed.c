/*
 * What a page does not show - a secret, a file - and what was given a moment ago on a form that comes back: another
 * item was added, or something was refused.  A secret goes along sealed for the one who typed it; data that is no
 * secret goes along as it is.
 */
#include "core/buf.h"
#include "core/num.h"
#include "core/seal.h"
#include "web/payload_inner.h"
#include "web/site.h"
#include <stdlib.h>
#include <string.h>

/* Behind them stands base64: of data, and of something sealed. */
#define PLAIN	'='
#define SEALED	'#'

static const char *
name_of(struct req *req)
{
	return req->person ? mem_printf(req, "payload form of %s", req->person->id) : NULL;
}

static const char *
sealed(struct part *p, const json_t *v)
{
	const char *name = name_of(p->req);
	struct bytes box;
	struct err err;
	struct buf out;
	char *text;
	bool ok;

	if (!p->req->site->sealer || !name)
		return NULL;
	text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	ok = seal(p->req, p->req->site->sealer, name, (struct bytes){ text, strlen(text) }, &box, &err);
	free(text);
	if (!ok)
		return NULL;
	buf_init(&out, p->req, box.len * 2);
	buf_addf(&out, "%c", SEALED);
	buf_base64(&out, box.p, box.len);
	return buf_str(&out);
}

const char *
payload_typed(struct part *p, const struct apple_fact *fact, const json_t *v)
{
	const char *base64 = json_string_value(json_object_get(v, "$data")), *ret;

	if (!v || json_object_get(v, "$kept") || p->typed + (base64 ? strlen(base64) : 0) > PAYLOAD_TYPED_MAX)
		return NULL;
	ret = base64 && !fact->secret ? mem_printf(p->req, "%c%s", PLAIN, base64) : sealed(p, v);
	if (!ret || p->typed + strlen(ret) > PAYLOAD_TYPED_MAX)
		return NULL;
	p->typed += strlen(ret);
	return ret;
}

json_t *
payload_typed_read(struct reading *r, const char *name)
{
	const char *text = payload_field_mark(r, name, "typed"), *whose = name_of(r->req);
	struct bytes box, plain;
	struct err err;

	if (!text || payload_field_mark(r, name, "clear"))
		return NULL;
	if (*text == PLAIN)
		return json_pack("{s:s}", "$data", text + 1);
	if (*text != SEALED || !r->req->site->sealer || !whose || !num_unbase64(r->req, text + 1, strlen(text + 1), &box) ||
	    !unseal(r->req, r->req->site->sealer, whose, box, &plain, &err))
		return NULL;
	return json_loadb(plain.p, plain.len, JSON_DECODE_ANY, NULL);
}
