/*
 * What a page does not show - a secret, a file - and what was given a moment ago on a form that comes back: another
 * item was added, or something was refused.  A secret goes along sealed for the one who typed it; data that is no
 * secret goes along as it is.
 */
#include "core/buf.h"
#include "core/json.h"
#include "core/num.h"
#include "core/seal.h"
#include "web/payload_inner.h"
#include "web/site.h"
#include <stdlib.h>
#include <string.h>

/* Behind them stands base64: of data, and of something sealed. */
#define PLAIN	'='
#define SEALED	'#'

/* Where it opens.  A page may lie about in some cache: nothing of it opens in a field that is shown. */
static const char *
name_of(struct req *req, const char *type, const struct apple_fact *fact, const char *hidden)
{
	if (!req->person || !(fact->secret || hidden))
		return NULL;
	return mem_printf(req, "payload form of %s: %s/%s/%d/%s", req->person->id, req_param(req, "name"), type, (int)fact->type,
			  hidden ? hidden : fact->name);
}

static const char *
sealed(struct part *p, const struct apple_fact *fact, const json_t *v)
{
	const char *name = name_of(p->req, text_of(p->payload, "type"), fact, p->hidden);
	json_t *dated;
	struct bytes box;
	struct err err;
	struct buf out;
	char *text;
	bool ok;

	if (!p->req->site->sealer || !name)
		return NULL;
	dated = json_pack("{s:O, s:I}", "v", v, "until", (json_int_t)(clock_now() + PAYLOAD_TYPED_S));
	text = json_dumps(dated, JSON_COMPACT);
	json_decref(dated);
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

	if (!v || json_object_get(v, "$kept") || json_object_get(v, DRAFT_TYPED) || p->typed + (base64 ? strlen(base64) : 0) > PAYLOAD_TYPED_MAX)
		return NULL;
	ret = base64 && !fact->secret && !p->hidden ? mem_printf(p->req, "%c%s", PLAIN, base64) : sealed(p, fact, v);
	if (!ret || p->typed + strlen(ret) > PAYLOAD_TYPED_MAX)
		return NULL;
	p->typed += strlen(ret);
	return ret;
}

/* NULL: it does not open here, or not any more. */
static json_t *
opened(struct reading *r, const struct apple_fact *fact, const char *text)
{
	const char *name = name_of(r->req, r->type, fact, r->hidden);
	json_t *dated, *v = NULL;
	struct bytes box, plain;
	struct err err;

	if (!r->req->site->sealer || !name || !num_unbase64(r->req, text, strlen(text), &box) ||
	    !unseal(r->req, r->req->site->sealer, name, box, &plain, &err))
		return NULL;
	dated = json_loadb(plain.p, plain.len, 0, NULL);
	if (json_integer_value(json_object_get(dated, "until")) > clock_now())
		v = json_incref(json_object_get(dated, "v"));
	json_decref(dated);
	return v;
}

json_t *
payload_typed_read(struct reading *r, const struct apple_fact *fact, const char *name)
{
	const char *text = payload_field_mark(r, name, "typed");
	json_t *v;

	if (!text || payload_field_mark(r, name, "clear"))
		return NULL;
	if (*text == PLAIN)
		return json_pack("{s:s}", "$data", text + 1);
	if (*text == SEALED && (v = opened(r, fact, text + 1)))
		return v;
	r->lost = name;
	return r->act && (*fact->name || r->hidden) ? json_pack("{s:s}", DRAFT_TYPED, "") : NULL;
}
