#pragma once
/*
 * le - little-endian numbers, at any address.
 */
#include <stdint.h>

static inline uint16_t
le16(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t
le32(const unsigned char *p)
{
	return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16;
}

static inline uint64_t
le64(const unsigned char *p)
{
	return (uint64_t)le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* These return where the next number goes. */
static inline unsigned char *
le16_put(unsigned char *p, unsigned value)
{
	p[0] = (unsigned char)value;
	p[1] = (unsigned char)(value >> 8);
	return p + 2;
}

static inline unsigned char *
le32_put(unsigned char *p, uint64_t value)
{
	return le16_put(le16_put(p, (unsigned)(value & 0xffff)), (unsigned)(value >> 16 & 0xffff));
}
