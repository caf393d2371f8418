#pragma once
/*
 * check_keeper - an iPhone that keeps the mobileconfigs which it installs, and lists them when it is asked.
 */
#include "tests/check_mdm.h"

#define KEEPER_ITEMS	8

struct keeper_item {
	char identifier[200], uuid[40];
	const char *payloads;		/* the array, decrypted where it was */
	const char *outside;		/* the mobileconfig as it came */
	bool managed;
};

struct keeper {
	struct phone *phone;
	struct keeper_item items[KEEPER_ITEMS];
	size_t n;
	const char *error;		/* InstallProfile is answered with it; NULL: is done */
	bool forgetful;			/* acknowledges, and does nothing */
	int installs, removals, lists;
};

struct keeper *keeper_new(struct mdm *m, const char *udid, const char *person_id);	/* enrolled */
void keeper_talks(struct keeper *k);		/* until nothing waits for it */
void keeper_is_listed(struct keeper *k);	/* is asked for what it has, as IT or the house does */

/* Step by step: does what m->text, the command of this CommandUUID, says; the CommandUUID of the next. */
const char *keeper_does(struct keeper *k, const char *uuid);
void keeper_installs(struct keeper *k, const char *command);
void keeper_drops(struct keeper *k, const char *identifier);
const char *keeper_list(struct keeper *k);	/* ProfileList, as it answers */

const char *keeper_text(struct mdm *m, const char *xml, const char *key);	/* the first string of that key */
