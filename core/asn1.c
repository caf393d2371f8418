#include "core/asn1.h"
#include <string.h>

#define LENGTH_BYTES_MAX 4

struct walk {
	size_t elements;
	const char *wrong;	/* why the walk ended */
};

static bool
fails(struct walk *walk, const char *why)
{
	walk->wrong = why;
	return false;
}

/* Tag and length at p: sets *head (their size), *len, and whether the length is indefinite. */
static bool
read_head(struct walk *walk, const uint8_t *p, size_t left, size_t *head, size_t *len, bool *open)
{
	size_t at = 1;
	unsigned size;

	if (left < 2)
		return fails(walk, "it ends in the middle of an element");
	if ((p[0] & 0x1f) == 0x1f) {	/* a tag number of several bytes; five suffice for 32 bits */
		while (at < left && at < 6 && (p[at] & 0x80))
			at++;
		if (at >= 6 || ++at >= left)
			return fails(walk, "a tag is too long");
	}
	*open = p[at] == 0x80;
	*len = p[at] & 0x7f;
	size = p[at] & 0x80 ? p[at] & 0x7f : 0;
	at++;
	if (*open && !(p[0] & 0x20))
		return fails(walk, "a plain value has no length");
	if (size > LENGTH_BYTES_MAX || size > left - at)
		return fails(walk, "a length is too long");
	if (size)
		for (*len = 0; size; size--)
			*len = *len << 8 | p[at++];
	if (!*open && *len > left - at)
		return fails(walk, "an element ends outside of its parent");
	*head = at;
	return true;
}

/* The size of the element at p with everything inside it; recursion is bounded by the depth. */
static bool
measure(struct walk *walk, const uint8_t *p, size_t left, unsigned depth, size_t *size)
{
	size_t head, len, at, end;
	bool open;

	if (depth > ASN1_DEPTH_MAX)
		return fails(walk, "it is nested too deeply");
	if (++walk->elements > ASN1_ELEMENTS_MAX)
		return fails(walk, "it has too many elements");
	if (!read_head(walk, p, left, &head, &len, &open))
		return false;
	end = open ? left : head + len;
	for (at = head; (p[0] & 0x20) && at < end; ) {
		size_t inner;

		if (open && end - at >= 2 && p[at] == 0 && p[at + 1] == 0) {
			*size = at + 2;
			return true;
		}
		if (!measure(walk, p + at, end - at, depth + 1, &inner))
			return false;
		at += inner;
	}
	*size = end;
	return !open || fails(walk, "an element of indefinite length does not end");
}

bool
asn1_gate(struct bytes bytes, size_t *len, struct err *err)
{
	struct walk walk = { 0 };

	return measure(&walk, bytes.p, bytes.len, 1, len) ||
	       err_set(err, ERR_INVALID, "ASN.1: %s", walk.wrong);
}

bool
asn1_next(struct bytes *rest, struct asn1 *ret)
{
	const uint8_t *p = rest->p;
	struct walk walk = { 0 };
	size_t head, len, size;
	bool open;

	if (rest->len == 0 || !read_head(&walk, p, rest->len, &head, &len, &open) ||
	    !measure(&walk, p, rest->len, 1, &size))
		return false;
	*ret = (struct asn1){ p[0], { p + head, open ? size - head - 2 : len } };
	*rest = (struct bytes){ p + size, rest->len - size };
	return true;
}

bool
asn1_take(struct bytes *rest, uint8_t tag, struct asn1 *ret, struct bytes *whole)
{
	const uint8_t *from = rest->p;

	if (!asn1_next(rest, ret) || ret->tag != tag)
		return false;
	if (whole)
		*whole = (struct bytes){ from, (size_t)((const uint8_t *)rest->p - from) };
	return true;
}

bool
asn1_is(const struct asn1 *element, struct bytes oid)
{
	return element->tag == ASN1_TAG_OID && element->content.len == oid.len &&
	       memcmp(element->content.p, oid.p, oid.len) == 0;
}

/* No deeper than the gate allows; pieces are never more than what they stand in. */
static bool
gather(unsigned char *to, size_t *len, struct bytes pieces)
{
	struct asn1 piece;

	while (pieces.len) {
		if (!asn1_next(&pieces, &piece))
			return false;
		if (piece.tag == (ASN1_TAG_OCTETS | ASN1_CONSTRUCTED)) {
			if (!gather(to, len, piece.content))
				return false;
		} else if (piece.tag == ASN1_TAG_OCTETS) {
			memcpy(to + *len, piece.content.p, piece.content.len);
			*len += piece.content.len;
		} else {
			return false;
		}
	}
	return true;
}

bool
asn1_string(TALLOC_CTX *ctx, const struct asn1 *element, uint8_t tag, struct bytes *ret)
{
	unsigned char *to;
	size_t len = 0;

	if (element->tag == tag) {
		*ret = element->content;
		return true;
	}
	if (element->tag != (tag | ASN1_CONSTRUCTED))
		return false;
	to = mem_size(ctx, element->content.len + 1);
	if (!gather(to, &len, element->content))
		return false;
	*ret = (struct bytes){ to, len };
	return true;
}

/* ---- writing ---- */

static size_t
put_head(unsigned char *to, uint8_t tag, size_t len)
{
	size_t n = 0;

	to[n++] = tag;
	if (len < 0x80) {
		to[n++] = (unsigned char)len;
		return n;
	}
	to[n] = 0x80;
	for (int shift = 24; shift >= 0; shift -= 8)
		if (len >> shift) {
			to[n]++;
			to[n + (to[n] & 0x7f)] = (unsigned char)(len >> shift);
		}
	return n + 1 + (to[n] & 0x7f);
}

struct bytes
asn1_put(TALLOC_CTX *ctx, uint8_t tag, const struct bytes *parts, size_t n)
{
	unsigned char *out, *p;
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += parts[i].len;
	out = mem_size(ctx, len + 8);
	p = out + put_head(out, tag, len);
	for (size_t i = 0; i < n; i++)
		if (parts[i].len) {
			memcpy(p, parts[i].p, parts[i].len);
			p += parts[i].len;
		}
	return (struct bytes){ out, (size_t)(p - out) };
}
