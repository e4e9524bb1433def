/* memory - allocation that cannot fail: out of memory ends the process, what matters is on disk. */
#ifndef CONFIG_BASE_MEMORY_H
#define CONFIG_BASE_MEMORY_H

#include <stddef.h>

void *xcalloc(size_t count, size_t size);
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *text);              /* NULL stays NULL */
char *xstrndup(const char *text, size_t len); /* at most LEN bytes, NUL added */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void replace_text(char **slot, const char *text); /* frees *SLOT, puts a copy of TEXT there (NULL allowed) */

#endif
