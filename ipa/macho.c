#include "ipa/macho.h"
#include "ipa/macho_slice.h"
#include <string.h>

#define MAGIC_FAT	0xcafebabe	/* always big-endian */
#define MAGIC_FAT64	0xcafebabf
#define MAGIC_32	0xfeedface
#define MAGIC_64	0xfeedfacf

#define CPU_WIDE	0x01000000
#define CPU_WIDE_32	0x02000000	/* 64-bit instructions, 32-bit pointers: watches */
#define CPU_X86		7
#define CPU_ARM		12

#define LC_CODE_SIGNATURE	0x1d
#define LC_ENCRYPTION_INFO	0x21
#define LC_ENCRYPTION_INFO_64	0x2c
#define LC_VERSION_MIN_MACOSX	0x24
#define LC_BUILD_VERSION	0x32

/* What a slice's load commands said. */
struct said {
	bool encrypted, for_simulator, for_device;
	uint32_t signature_at, signature_size;
};

uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t
be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

static uint32_t
le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint32_t
u32(const struct slice *slice, const uint8_t *p)
{
	return slice->big ? be32(p) : le32(p);
}

bool
slice_read(const struct slice *slice, uint64_t offset, void *p, size_t len, struct err *err)
{
	size_t got = 0;

	if (offset > slice->size || len > slice->size - offset)
		return err_set(err, ERR_INVALID, "the executable refers to bytes outside of itself");
	if (!slice->read_at(slice->arg, slice->base + offset, p, len, &got, err))
		return false;
	return got == len || err_set(err, ERR_INVALID, "the executable is cut off");
}

static const char *
architecture(TALLOC_CTX *ctx, uint32_t cpu, uint32_t subtype)
{
	static const struct {
		uint32_t cpu, subtype;
		const char *name;
	} names[] = {
		{ CPU_ARM, 6, "armv6" },
		{ CPU_ARM, 9, "armv7" },
		{ CPU_ARM, 11, "armv7s" },
		{ CPU_ARM, 12, "armv7k" },
		{ CPU_ARM | CPU_WIDE, 0, "arm64" },
		{ CPU_ARM | CPU_WIDE, 1, "arm64" },
		{ CPU_ARM | CPU_WIDE, 2, "arm64e" },
		{ CPU_ARM | CPU_WIDE_32, 1, "arm64_32" },
		{ CPU_X86, 3, "i386" },
		{ CPU_X86 | CPU_WIDE, 3, "x86_64" },
		{ CPU_X86 | CPU_WIDE, 8, "x86_64h" },
	};

	subtype &= 0x00ffffff;	/* the rest are capabilities */
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].cpu == cpu && names[i].subtype == subtype)
			return names[i].name;
	return mem_printf(ctx, "cpu-%u-%u", cpu, subtype);
}

/* <mach-o/loader.h>: platforms 7, 8, 9 and 12 are the simulators of iOS, tvOS, watchOS and visionOS. */
static bool
is_simulator(uint32_t platform)
{
	return (platform >= 7 && platform <= 9) || platform == 12;
}

/* One load command of `size` bytes; those too short for what they are say nothing. */
static void
read_command(const struct slice *slice, const uint8_t *p, uint32_t size, struct said *said)
{
	switch (u32(slice, p)) {
	case LC_ENCRYPTION_INFO:
	case LC_ENCRYPTION_INFO_64:
		if (size >= 20 && u32(slice, p + 16) != 0)
			said->encrypted = true;
		break;
	case LC_CODE_SIGNATURE:
		if (size >= 16 && said->signature_size == 0) {
			said->signature_at = u32(slice, p + 8);
			said->signature_size = u32(slice, p + 12);
		}
		break;
	case LC_BUILD_VERSION:
		if (size >= 12 && is_simulator(u32(slice, p + 8)))
			said->for_simulator = true;
		else
			said->for_device = true;
		break;
	case LC_VERSION_MIN_MACOSX:
		said->for_device = true;
	}
}

static bool
read_commands(const struct slice *slice, uint32_t count, uint32_t bytes, struct said *said, struct err *err)
{
	SCOPED(mem) uint8_t *p = NULL;
	uint32_t at = 0;

	if (count > MACHO_COMMANDS_MAX || bytes > MACHO_COMMANDS_BYTES)
		return err_set(err, ERR_INVALID, "the executable has too many load commands");
	p = mem_size(NULL, bytes + 1);
	if (!slice_read(slice, slice->wide ? 32 : 28, p, bytes, err))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t size = bytes - at >= 8 ? u32(slice, p + at + 4) : 0;

		if (size < 8 || size > bytes - at)
			return err_set(err, ERR_INVALID, "the executable's load commands are malformed");
		read_command(slice, p + at, size, said);
		at += size;
	}
	return true;
}

/* Byte order and width; false when it is no Mach-O at all. */
static bool
read_magic(struct slice *slice, const uint8_t *p)
{
	slice->big = be32(p) == MAGIC_32 || be32(p) == MAGIC_64;
	slice->wide = u32(slice, p) == MAGIC_64;
	return slice->wide || u32(slice, p) == MAGIC_32;
}

static bool
read_slice(struct macho *macho, struct slice *slice, bool *simulator, struct err *err)
{
	struct said said = { 0 };
	uint8_t head[28] = { 0 };
	uint32_t cpu;

	if (!slice_read(slice, 0, head, sizeof head, err))
		return false;
	if (!read_magic(slice, head))
		return err_set(err, ERR_INVALID, "not a Mach-O executable");
	cpu = u32(slice, head + 4);
	macho->architectures[macho->architecture_count++] =
		architecture(macho, cpu, u32(slice, head + 8));
	if (!read_commands(slice, u32(slice, head + 16), u32(slice, head + 20), &said, err))
		return false;
	if (said.encrypted)
		macho->encrypted = true;
	/* before LC_BUILD_VERSION only the processor told a simulator from a device */
	*simulator = said.for_simulator || (!said.for_device && (cpu & 0xff) == CPU_X86);
	if (said.signature_size == 0)
		return true;
	return macho_signature(macho, slice, said.signature_at, said.signature_size, err);
}

static bool
read_fat(struct macho *macho, const struct slice *file, bool wide, bool *simulator, struct err *err)
{
	const size_t entry = wide ? 32 : 20;
	uint8_t p[8 + 32 * MACHO_ARCHS_MAX] = { 0 };
	uint32_t count;

	if (!slice_read(file, 0, p, 8, err))
		return false;
	count = be32(p + 4);
	if (count < 1 || count > MACHO_ARCHS_MAX)
		return err_set(err, ERR_INVALID, "not a Mach-O executable: %u architectures", count);
	if (!slice_read(file, 8, p + 8, count * entry, err))
		return false;
	*simulator = true;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *arch = p + 8 + i * entry;
		struct slice slice = { .read_at = file->read_at, .arg = file->arg,
				       .base = wide ? be64(arch + 8) : be32(arch + 8),
				       .size = wide ? be64(arch + 16) : be32(arch + 12) };
		bool this_one;

		if (slice.base > file->size || slice.size > file->size - slice.base)
			return err_set(err, ERR_INVALID,
				       "the executable refers to bytes outside of itself");
		if (!read_slice(macho, &slice, &this_one, err))
			return err_at(err, "architecture %u", i + 1);
		*simulator = *simulator && this_one;
	}
	return true;
}

bool
macho_inspect(TALLOC_CTX *ctx, macho_read *read_at, void *arg, uint64_t size, struct macho **ret,
	      struct err *err)
{
	struct slice file = { .read_at = read_at, .arg = arg, .size = size };
	struct macho *macho;
	uint8_t magic[4] = { 0 };
	bool ok;

	if (size < sizeof magic)
		return err_set(err, ERR_INVALID, "not a Mach-O executable");
	if (!slice_read(&file, 0, magic, sizeof magic, err))
		return false;
	macho = mem_new(ctx, struct macho);
	macho->team_id = "";
	if (be32(magic) == MAGIC_FAT || be32(magic) == MAGIC_FAT64)
		ok = read_fat(macho, &file, be32(magic) == MAGIC_FAT64, &macho->simulator, err);
	else
		ok = read_slice(macho, &file, &macho->simulator, err);
	if (!ok) {
		talloc_free(macho);
		return false;
	}
	*ret = macho;
	return true;
}
