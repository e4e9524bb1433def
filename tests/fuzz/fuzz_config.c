/* Any file as a configuration, and as a format: it loads, or there are mistakes. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	FILE *told = stderr;
	struct error err = {0};
	struct config *config;
	struct format *format;
	char path[64];
	int fd = memfd_create("fuzz", 0);

	if (fd < 0 || size > CONFIG_FILE_MAX)
		abort();
	if (write(fd, data, size) != (ssize_t)size)
		abort();
	if (nowhere == NULL)
		nowhere = fopen("/dev/null", "we");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	stderr = nowhere; /* what is told of each input is not to be read */
	config = config_load(path, NULL, &err);
	format = format_open(path, "", NULL);
	stderr = told;
	if (config == NULL && (err.kind == ERROR_NONE || err.text[0] == '\0'))
		abort();
	config_free(config);
	format_free(format);
	close(fd);
	return 0;
}
