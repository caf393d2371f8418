#include "mdm/payload.h"
#include "core/plist_write.h"

/*
 * SignMessage is for every installation, also where devices show their certificate in TLS: it goes through any
 * proxy, and the payload cannot be changed later without a new enrollment.  com.apple.mdm.per-user-connections
 * is for Macs and shared iPads and must not change later: it is not there.  Apple offers iPhones
 * bootstrap tokens since iOS 26 and older ones ignore the word.
 */
void
payload_mdm_write(struct buf *out, const void *arg)
{
	const struct payload_mdm *mdm = arg;
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));

	plist_write_text(out, "IdentityCertificateUUID", mdm->identity_uuid);
	plist_write_text(out, "Topic", mdm->topic);
	plist_write_text(out, "ServerURL", mem_printf(ctx, "%s/mdm/command", mdm->url));
	plist_write_text(out, "CheckInURL", mem_printf(ctx, "%s/mdm/checkin", mdm->url));
	plist_write_bool(out, "SignMessage", true);
	plist_write_bool(out, "CheckOutWhenRemoved", true);
	plist_write_int(out, "AccessRights", mdm->access_rights);
	plist_write_array(out, "ServerCapabilities");
	plist_write_text(out, NULL, "com.apple.mdm.bootstraptoken");
	plist_write_array_end(out);
}
