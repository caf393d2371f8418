#pragma once
/*
 * family - which kind of device a build is made for: its UIDeviceFamily, 1 iPhone and iPod touch, 2 iPad.
 *
 * An iPad runs what is made for the iPhone alone, an iPhone nothing that is made for the iPad alone.  A build that
 * names no family is an iPhone's, and so runs on both.  What is made for neither (a watch, a television) is another
 * platform: its verdict says that.
 * developer.apple.com/documentation/bundleresources/information-property-list/uidevicefamily
 */
#include <jansson.h>
#include "core/mem.h"

bool family_is_ipads(const json_t *facts);	/* of a build: made for the iPad alone; lists have it as build.ipad_only */
bool family_has_iphone(const json_t *facts);	/* an iPhone runs it, or nobody knows */

/* "iPhone15,4", "iPod9,1"; what is not known is none. */
bool family_is_phone(const char *product);
