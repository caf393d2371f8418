#pragma once
/*
 * page_install - page "install" in all its circumstances: after Get, behind an upload's link, behind a
 * tester's.
 */
#include "catalog/registration.h"
#include "web/browser.h"
#include "web/site.h"

struct install_view {
	const json_t *build;		/* with its facts */
	const char *url;		/* of the page, for the QR code */
	const char *token;		/* of the grant behind the button; NULL: no button */
	const char *icon_url;		/* NULL: the catalog's */
	const char *from;		/* who sent it; NULL: nobody did */
	int64_t expires, installs_max, installs;	/* of the link; 0: none */
	bool for_testers;		/* "what to test" */

	const json_t *install;		/* as install_show tells it; NULL: none yet */
	const char *status_url, *tapped_url;	/* NULL: none */
	bool begin;			/* they have just given the PIN: hand it to iOS */

	const char *sign_in_url, *pin_url;	/* what is to be done before the button; NULL: nothing */
	int pin_left, pin_wait;		/* tries after a wrong one, minutes to wait; -1: not so */

	enum registration_fit fit;
	const char *register_url;	/* NULL: cannot */
};

void install_view_init(struct install_view *view, const json_t *build, const char *url);
bool install_page(struct req *req, struct reply *reply, int status, const struct install_view *view,
		  struct err *err) CHECKED;

/* Hands the build to iOS: a grant for this person alone.  *id is the install's. */
bool install_tap_person(struct req *req, const char *build_id, char **id, char **token, struct err *err) CHECKED;
