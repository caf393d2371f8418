#pragma once
/*
 * uuid - RFC 9562, in upper case as devices write theirs.  Both return uuid.
 */
#define UUID_SIZE	37	/* with its NUL */

char *uuid_random(char uuid[UUID_SIZE]);				/* version 4 */
char *uuid_of_name(const char *name, char uuid[UUID_SIZE]);	/* version 8: always the same of a name, by its SHA-256 */
