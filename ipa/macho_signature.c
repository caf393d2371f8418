/*
 * The embedded code signature: a SuperBlob that lists blobs by type, all big-endian.  We read what it
 * says (team, entitlements); whether it holds is for the device to judge.
 */
#include <ctype.h>
#include <string.h>
#include "ipa/macho_slice.h"

#define MAGIC_SUPERBLOB		0xfade0cc0
#define MAGIC_CODEDIRECTORY	0xfade0c02
#define MAGIC_ENTITLEMENTS	0xfade7171
#define MAGIC_WRAPPER		0xfade0b01

#define SLOT_CODEDIRECTORY	0
#define SLOT_ENTITLEMENTS	5
#define SLOT_CMS		0x10000

#define BLOBS_MAX		64
#define TEAM_ID_MAX		32
#define TEAM_VERSION		0x20200	/* CodeDirectories since then name a team */
#define TEAM_OFFSET_AT		48	/* teamOffset in struct CodeDirectory */

/* The signature's bytes as a slice of their own, so that blobs are held inside it. */
static struct slice
inside(const struct slice *outer, uint64_t offset, uint64_t size)
{
	return (struct slice){ .read_at = outer->read_at, .arg = outer->arg,
			       .base = outer->base + offset, .size = size };
}

static bool
read_team(struct macho *macho, const struct slice *blob, struct err *err)
{
	uint8_t head[TEAM_OFFSET_AT + 4];
	char team[TEAM_ID_MAX + 1] = "";
	uint32_t offset;
	size_t len;

	if (blob->size < sizeof head)
		return true;	/* older than teams */
	if (!slice_read(blob, 0, head, sizeof head, err))
		return false;
	offset = be32(head + TEAM_OFFSET_AT);
	if (be32(head + 8) < TEAM_VERSION || offset == 0 || offset >= blob->size)
		return true;
	len = blob->size - offset < TEAM_ID_MAX ? blob->size - offset : TEAM_ID_MAX;
	if (!slice_read(blob, offset, team, len, err))
		return false;
	for (const char *p = team; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-')
			return true;
	if (*team && !*macho->team_id && memchr(team, '\0', len))
		macho->team_id = mem_text(macho, team);
	return true;
}

/* Of the first slice that has one. */
static bool
read_whole(struct macho *macho, const struct slice *blob, size_t max, const char *what, struct bytes *ret, struct err *err)
{
	size_t len = blob->size - 8;
	uint8_t *p;

	if (ret->len > 0 || len == 0)
		return true;
	if (len > max)
		return err_set(err, ERR_INVALID, "the executable's %s too large", what);
	p = mem_size(macho, len);
	if (!slice_read(blob, 8, p, len, err))
		return false;
	*ret = (struct bytes){ p, len };
	return true;
}

static bool
read_blob(struct macho *macho, const struct slice *signature, uint32_t slot, uint32_t offset,
	  struct err *err)
{
	struct slice blob;
	uint8_t head[8];
	uint32_t size;

	if (slot != SLOT_CODEDIRECTORY && slot != SLOT_ENTITLEMENTS && slot != SLOT_CMS)
		return true;
	if (!slice_read(signature, offset, head, sizeof head, err))
		return false;
	size = be32(head + 4);
	if (size < sizeof head || size > signature->size - offset)
		return err_set(err, ERR_INVALID, "the executable's code signature is malformed");
	blob = inside(signature, offset, size);
	if (slot == SLOT_ENTITLEMENTS)
		return be32(head) != MAGIC_ENTITLEMENTS ||
		       read_whole(macho, &blob, MACHO_ENTITLEMENTS_MAX, "entitlements are", &macho->entitlements, err);
	if (slot == SLOT_CMS)
		return be32(head) != MAGIC_WRAPPER ||
		       read_whole(macho, &blob, MACHO_CMS_MAX, "signature is", &macho->cms, err);
	if (be32(head) != MAGIC_CODEDIRECTORY)
		return true;
	macho->is_signed = true;
	return read_team(macho, &blob, err);
}

bool
macho_signature(struct macho *macho, const struct slice *slice, uint32_t offset, uint32_t size,
		struct err *err)
{
	uint8_t head[12], index[8 * BLOBS_MAX];
	struct slice signature;
	uint32_t count;

	if (offset > slice->size || size > slice->size - offset || size < sizeof head)
		return err_set(err, ERR_INVALID, "the executable's code signature lies outside of it");
	signature = inside(slice, offset, size);
	if (!slice_read(&signature, 0, head, sizeof head, err))
		return false;
	count = be32(head + 8);
	if (be32(head) != MAGIC_SUPERBLOB)
		return true;	/* room for a signature that was not filled: unsigned */
	if (count > BLOBS_MAX)
		return err_set(err, ERR_INVALID, "the executable's code signature has too many parts");
	if (!slice_read(&signature, sizeof head, index, 8 * (size_t)count, err))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!read_blob(macho, &signature, be32(index + 8 * i), be32(index + 8 * i + 4), err))
			return false;
	return true;
}
