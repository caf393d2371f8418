#include "core/uuid.h"
#include "core/secret.h"
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

static char *
write_uuid(unsigned char *b, int version, char uuid[UUID_SIZE])
{
	b[6] = (unsigned char)(version << 4 | (b[6] & 0x0f));
	b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
	snprintf(uuid, UUID_SIZE, "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", b[0], b[1], b[2],
		 b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return uuid;
}

char *
uuid_random(char uuid[UUID_SIZE])
{
	unsigned char bytes[16];

	secret_random(bytes, sizeof bytes);
	return write_uuid(bytes, 4, uuid);
}

char *
uuid_of_name(const char *name, char uuid[UUID_SIZE])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)name, strlen(name), digest);
	return write_uuid(digest, 8, uuid);
}
