#include "core/sending.h"
#include <stdio.h>
#include <string.h>
#include "core/text.h"

void
sending_id(struct sending *sending, const char *said)
{
	bool valid;

	snprintf(sending->id, sizeof sending->id, "%.*s", SENDING_ID_SIZE - 1, said);
	valid = text_valid(sending->id, strlen(sending->id));
	for (char *c = sending->id; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f || (!valid && (unsigned char)*c >= 0x80))
			*c = '?';
}
