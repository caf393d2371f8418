#pragma once
/*
 * sending - what became of one message at its gateway, for mail and SMS alike.
 *
 * A gateway is asked step by step; `step` is the last one that was begun.  The result says what it means for
 * this message and for the others:
 *
 *	TAKEN	acknowledged: never again
 *	LATER	not this one, not now: a full mailbox, an error of that server
 *	DOWN	nothing goes there now: not reachable, certificate or account refused, too many
 *	NEVER	this one will not be taken: no such address, a wrong number
 */
#include "core/err.h"

#define SENDING_ID_SIZE 120

enum sending_step { SENDING_SETTINGS, SENDING_RESOLVE, SENDING_CONNECT, SENDING_TLS, SENDING_SIGN_IN, SENDING_ACCEPT };
enum sending_result { SENDING_DOWN, SENDING_LATER, SENDING_NEVER, SENDING_TAKEN };

struct sending {
	enum sending_result result;
	enum sending_step step;
	bool encrypted, signed_in;	/* was TLS, was an account asked for at all? */
	char id[SENDING_ID_SIZE];	/* what the gateway calls it, or said to it; may be "" */
};

/* Sets `id`, cut and made fit to be shown, whatever was said. */
void sending_id(struct sending *sending, const char *said);
