#include "core/asn1.h"

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
