#pragma once
/*
 * asn1 - the shape of DER and BER from strangers, judged before OpenSSL reads it.
 *
 * asn1_gate walks tags and lengths only: nesting, number of elements, every length inside its parent,
 * indefinite lengths closed.  asn1_next then steps through what passed.  X.690 section 8.
 */
#include <stdint.h>
#include "core/mem.h"

#define ASN1_DEPTH_MAX		32
#define ASN1_ELEMENTS_MAX	20000

#define ASN1_TAG_INTEGER	0x02
#define ASN1_TAG_BIT_STRING	0x03
#define ASN1_TAG_OCTETS	0x04
#define ASN1_TAG_OID	0x06
#define ASN1_TAG_SEQUENCE	0x30
#define ASN1_TAG_SET	0x31
#define ASN1_TAG_CONTEXT_0	0xa0
#define ASN1_CONSTRUCTED	0x20	/* this bit of a tag */

struct asn1 {
	uint8_t tag;		/* first byte: class, constructed bit and number */
	struct bytes content;	/* without the end mark of an indefinite length */
};

/* *len: bytes of the one element at the start; what follows it is not looked at.  ERR_INVALID. */
bool asn1_gate(struct bytes bytes, size_t *len, struct err *err) CHECKED;

/* Takes the first element off *rest; false at the end.  Only for bytes that passed the gate. */
bool asn1_next(struct bytes *rest, struct asn1 *ret) CHECKED;

/* The same where it must have this tag, and what stands there as a whole, with its head (may be NULL). */
bool asn1_take(struct bytes *rest, uint8_t tag, struct asn1 *ret, struct bytes *whole) CHECKED;

bool asn1_is(const struct asn1 *element, struct bytes oid);	/* an OBJECT IDENTIFIER, and this one? */

/* What a string holds; BER may send it in pieces, and pieces in pieces.  `tag`: as it is when it is whole. */
bool asn1_string(TALLOC_CTX *ctx, const struct asn1 *element, uint8_t tag, struct bytes *ret) CHECKED;

/* ---- writing: one element in DER around others; for what is not hostile ---- */
struct bytes asn1_put(TALLOC_CTX *ctx, uint8_t tag, const struct bytes *parts, size_t n);
#define ASN1_PUT(ctx, tag, ...) asn1_put(ctx, tag, (const struct bytes[]){ __VA_ARGS__ }, \
					 sizeof((const struct bytes[]){ __VA_ARGS__ }) / sizeof(struct bytes))
