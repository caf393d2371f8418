#include "web/link_pin.h"
#include "core/clock.h"
#include "core/secret.h"
#include "web/site.h"

#define COOKIE "pomona_pin"

static const char *
proof_of(struct req *req, const struct link *link)
{
	return link_derive(req, &req->site->link_key, mem_printf(req, "pin %s", link->id));
}

bool
link_pin_given(struct req *req, const struct link *link)
{
	const char *cookie;

	if (!link->pin)
		return true;
	cookie = req_cookie(req, COOKIE);
	return cookie && secret_equal(cookie, proof_of(req, link));
}

void
link_pin_remember(struct req *req, struct reply *reply, const struct link *link, const char *token)
{
	reply_header(reply, "Set-Cookie", mem_printf(req, "%s=%s; Path=/udid/%s; HttpOnly; SameSite=Lax%s; Max-Age=%lld",
		COOKIE, proof_of(req, link), token, req->site->secure ? "; Secure" : "",
		(long long)(link->expires - clock_now())));
}
