#include "config/base/error.h"

#include <stdarg.h>
#include <stdio.h>

bool error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
	va_list args;

	if (err == NULL)
		return false;
	err->kind = kind;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return false;
}

void error_clear(struct error *err)
{
	if (err == NULL)
		return;
	err->kind = ERROR_NONE;
	err->text[0] = '\0';
}
