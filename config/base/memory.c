#include "config/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Inputs are bounded and what matters is on disk: to end here and be started again is the safest answer. */
static void *alive(void *memory)
{
	if (memory != NULL)
		return memory;
	fputs("headsup: out of memory\n", stderr);
	abort();
}

void *xcalloc(size_t count, size_t size)
{
	return alive(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
	return alive(reallocarray(old, count > 0 ? count : 1, size > 0 ? size : 1));
}

char *xstrdup(const char *text)
{
	return text == NULL ? NULL : alive(strdup(text));
}

char *xstrndup(const char *text, size_t len)
{
	return text == NULL ? NULL : alive(strndup(text, len));
}

char *xasprintf(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	return alive(len < 0 ? NULL : text);
}

void replace_text(char **slot, const char *text)
{
	char *copy = xstrdup(text); /* first: TEXT may be *SLOT */

	free(*slot);
	*slot = copy;
}
