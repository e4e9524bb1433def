/*
 * buf - text that grows, up to a ceiling.
 *
 * An append past the ceiling fails and stays failed; buf_ok() at the end tells. The text always ends in NUL.
 */
#ifndef CONFIG_BASE_BUF_H
#define CONFIG_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL until the first append */
	size_t len, cap, max;
	bool failed;
};

/* A slice of someone else's text; not NUL-terminated. */
struct str {
	const char *at;
	size_t len;
};

void buf_init(struct buf *buf, size_t max); /* MAX bytes, the final NUL not counted */
void buf_fini(struct buf *buf);
void buf_reset(struct buf *buf); /* empty again, memory and ceiling kept */
void buf_reserve(struct buf *buf, size_t len); /* room for LEN bytes more in one go; past the ceiling as an append */
void buf_put(struct buf *buf, const void *data, size_t len);
void buf_puts(struct buf *buf, const char *text); /* NULL is nothing */
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
bool buf_ok(const struct buf *buf);
const char *buf_text(const struct buf *buf); /* never NULL; borrowed until the next append */
char *buf_take(struct buf *buf);             /* moves the text out, the caller frees; BUF is empty after */

#endif
