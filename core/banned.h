#pragma once
/*
 * banned - functions that have a safer twin, refused at compile time.
 *
 * Force-included before every source file (CMakeLists.txt), after the system headers that declare
 * them: a use becomes an error that names the replacement.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(name, instead) name##_is_banned_use_##instead

#undef strcpy
#define strcpy(a, b) BANNED(strcpy, buf)
#undef strcat
#define strcat(a, b) BANNED(strcat, buf)
#undef strncpy
#define strncpy(a, b, c) BANNED(strncpy, snprintf)
#undef strncat
#define strncat(a, b, c) BANNED(strncat, buf)
#undef sprintf
#define sprintf(...) BANNED(sprintf, snprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf, vsnprintf)
#undef strtok
#define strtok(a, b) BANNED(strtok, strcspn)
#undef gmtime
#define gmtime(a) BANNED(gmtime, clock_iso)
#undef localtime
#define localtime(a) BANNED(localtime, clock_iso)
#undef ctime
#define ctime(a) BANNED(ctime, clock_iso)
#undef asctime
#define asctime(a) BANNED(asctime, clock_iso)
#undef atoi
#define atoi(a) BANNED(atoi, num_parse)
#undef atol
#define atol(a) BANNED(atol, num_parse)
#undef mktemp
#define mktemp(a) BANNED(mktemp, mkstemp)
#undef rand
#define rand() BANNED(rand, secret_token)
