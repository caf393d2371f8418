#include <stdio.h>
#include <string.h>

int cmd_inspect(int argc, char **argv);

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "inspect") == 0)
		return cmd_inspect(argc - 1, argv + 1);
	puts("pomona " POMONA_VERSION);
	return 0;
}
