#include "mdm/payload.h"
#include "core/plist_write.h"

void
payload_root_write(struct buf *out, const void *der)
{
	plist_write_text(out, "PayloadCertificateFileName", "ca.cer");
	plist_write_data(out, "PayloadContent", *(const struct bytes *)der);
}
