#pragma once
/*
 * browser - what a User-Agent tells of the browser and its device.
 *
 * Safari names no model; its iOS is what it says, since iOS 26 in "Version/" alone; an iPad may say that
 * it is a Mac.  So all of it is good for words on a page, and decides nothing.
 */
#include <stdbool.h>

#define BROWSER_OS_SIZE 12

struct browser {
	bool in_app;			/* inside another app, which may not install */
	bool robot;			/* fetches pages to preview or index them: nobody has looked */
	bool iphone, ipad;		/* by its own word; an iPad may be neither */
	bool mac_safari;		/* which is what an iPad says that it is since iPadOS 13 */
	char os[BROWSER_OS_SIZE];	/* "18.1" of an iPhone or iPad; "": not told */
};

void browser_read(const char *agent, struct browser *ret);	/* agent may be NULL */
