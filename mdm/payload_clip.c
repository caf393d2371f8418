#include "mdm/payload.h"
#include "core/plist_write.h"

/*
 * IgnoreManifestScope only has a meaning where there is no Safari around it.  Precomposed: iOS puts no gloss on the
 * icon.  ContentMode is not Apple's word any more and is not there.
 */
void
payload_clip_write(struct buf *out, const void *arg)
{
	const struct payload_clip *clip = arg;

	plist_write_text(out, "URL", clip->url);
	plist_write_text(out, "Label", clip->label);
	plist_write_data(out, "Icon", clip->icon);
	plist_write_bool(out, "Precomposed", true);
	plist_write_bool(out, "IsRemovable", clip->removable);
	plist_write_bool(out, "FullScreen", clip->full_screen);
	if (clip->full_screen)
		plist_write_bool(out, "IgnoreManifestScope", true);
}
