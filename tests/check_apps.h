#pragma once
/* check_apps - rows of apps, builds and what devices hold of them, for stories of what ends. */
#include "tests/check_story.h"

/*
 * Build NAME-BUILD of app com.example.NAME ("Stock"), signed by certificate cert-NAME-BUILD, in no channel; the app's
 * newest.  Ends 0: it has no such thing.  Written again it is the same build with other dates.
 */
void apps_build(struct story *w, const char *name, const char *build, time_t provision_ends, time_t certificate_ends);
void apps_channel(struct story *w, const char *name, const char *channel, const char *build_id);	/* offers it */
/* Somebody got it by a link, without management. */
void apps_installed(struct story *w, const char *id, const char *build_id, time_t at);

struct apps_end {
	time_t ends;
	const char *cause, *uuid, *path;
};
/* The device, which is made where it is not there, holds the app in this build and no other. */
void apps_holds(struct story *w, const char *device, const char *build_id, struct apps_end end);
void apps_silent(struct story *w, const char *device, time_t since);	/* else it speaks up all the time */
void apps_coming(struct story *w, const char *device, const char *build_id, const char *uuid, const char *state);
