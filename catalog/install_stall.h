#pragma once
/*
 * install_stall - why nothing follows in an install, as far as what was observed supports it.
 *
 * Two words of an install.  `stalled` stands where it does not go on, or cannot: what the daemon says of its device
 * against what the build needs, else the last step that was seen and how long ago.  `look` stands where all of the app
 * was fetched and nothing more can be known: where to look if it is not there or does not open, never a claim that so
 * it is.
 */
#include "catalog/install.h"

struct install_seen {
	const char *model, *os;		/* as its daemon says; "" unknown */
	const char *minimum_os;		/* of the build */
	bool ipad_only;
	const char *listed;		/* a device that the build installs on: '*' any, a UDID: those of a list; NULL: unknown, or
					 * managed: nobody is asked to trust anything */
	int64_t expires;		/* of its provision; 0: none */
	int64_t last[INSTALL_KINDS];	/* moment of the last event of a kind; 0: none */
	int taps;
	int64_t quiet_s;		/* since the bytes of the .ipa grew */
	int64_t now;
};

/*
 * NULL: it goes on, or is over.
 * old		its device has an older iOS than the build needs
 * family	made for the iPad alone, and this is an iPhone
 * slow		the .ipa was begun, and no byte went out for INSTALL_QUIET_S
 * not_loading	manifest and icon were fetched, the .ipa was not
 * not_begun	the manifest was fetched, nothing after it
 * again	tapped several times, and the manifest was never asked for
 * not_asked	tapped once, and so
 */
const char *install_stalled(const struct install_seen *seen);

/* NULL: nothing to look at.  expired: the provision is over.  listed: it lists its devices.  trust: it is for any device, and
 * iOS asks whether its developer is trusted. */
const char *install_look(const struct install_seen *seen);
