#include "core/clock.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char followed[512];
static _Atomic bool following;
static int64_t read_at_ms;
static time_t replaced;

void
clock_follow(const char *path)
{
	pthread_mutex_lock(&lock);
	snprintf(followed, sizeof followed, "%s", path ? path : "");
	following = *followed != '\0';
	read_at_ms = 0;
	pthread_mutex_unlock(&lock);
}

static time_t
read_followed(void)
{
	char text[64] = "";
	struct err err;
	time_t at;
	int fd = open(followed, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		ssize_t n = read(fd, text, sizeof text - 1);

		close(fd);
		text[n > 0 ? n : 0] = '\0';
		text[strcspn(text, "\r\n ")] = '\0';
	}
	return clock_parse(text, &at, &err) ? at : time(NULL);
}

time_t
clock_now(void)
{
	time_t now;

	if (!following)
		return time(NULL);
	pthread_mutex_lock(&lock);
	if (!read_at_ms || clock_ms() - read_at_ms >= 1000) {
		replaced = read_followed();
		read_at_ms = clock_ms();
	}
	now = replaced;
	pthread_mutex_unlock(&lock);
	return now;
}

int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

const char *
clock_iso(time_t at, char text[CLOCK_ISO_SIZE])
{
	struct tm tm;

	if (!gmtime_r(&at, &tm) || !strftime(text, CLOCK_ISO_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm))
		memcpy(text, "9999-12-31T23:59:59Z", CLOCK_ISO_SIZE);
	return text;
}

char *
clock_text(TALLOC_CTX *ctx, time_t at)
{
	char text[CLOCK_ISO_SIZE];

	return mem_text(ctx, clock_iso(at, text));
}

const char *
clock_day(time_t at, char text[11])
{
	char iso[CLOCK_ISO_SIZE];

	clock_iso(at, iso);
	memcpy(text, iso, 10);
	text[10] = '\0';
	return text;
}

bool
clock_parse(const char *text, time_t *ret, struct err *err)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S",
					     "%Y-%m-%d" };

	for (size_t i = 0; text && i < sizeof forms / sizeof *forms; i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i], &tm);

		if (end && !*end) {
			*ret = timegm(&tm);
			return true;
		}
	}
	return err_set(err, ERR_INVALID, "\"%.40s\" is not a time such as 2026-11-22T08:00:00Z",
		       text ? text : "");
}

const char *
clock_http(time_t at, char text[32])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = { 0 };

	gmtime_r(&at, &tm);
	snprintf(text, 32, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * tm.tm_wday,
		 (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
		 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	return text;
}
