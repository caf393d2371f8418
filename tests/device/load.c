#include "tests/device/device.h"

int
cmd_load(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	phone_die("not here yet");
}
