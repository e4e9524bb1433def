#include "config/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){.max = max};
}

void buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){.max = buf->max};
}

void buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

/* Room for LEN bytes more and the NUL; false past the ceiling. */
static bool buf_grow(struct buf *buf, size_t len)
{
	size_t cap;

	if (buf->failed || len > buf->max - buf->len) {
		buf->failed = true;
		return false;
	}
	if (buf->len + len + 1 <= buf->cap)
		return true;
	cap = buf->cap * 2 > 64 ? buf->cap * 2 : 64;
	if (cap < buf->len + len + 1)
		cap = buf->len + len + 1;
	buf->data = xreallocarray(buf->data, cap, 1);
	buf->cap = cap;
	return true;
}

void buf_reserve(struct buf *buf, size_t len)
{
	(void)buf_grow(buf, len);
}

void buf_put(struct buf *buf, const void *data, size_t len)
{
	if (!buf_grow(buf, len))
		return;
	if (len > 0)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
	if (text != NULL)
		buf_put(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
	buf_put(buf, &c, 1);
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
	size_t room;
	va_list again;
	int len;

	if (!buf_grow(buf, 0)) /* for the NUL: what is there is written to at once */
		return;
	room = buf->cap - buf->len;
	va_copy(again, args);
	len = vsnprintf(buf->data + buf->len, room, format, again);
	va_end(again);
	if (len < 0 || (size_t)len > buf->max - buf->len)
		buf->failed = true;
	else if ((size_t)len >= room && buf_grow(buf, (size_t)len))
		vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
	if (buf->failed)
		buf->data[buf->len] = '\0';
	else
		buf->len += (size_t)len;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_vprintf(buf, format, args);
	va_end(args);
}

bool buf_ok(const struct buf *buf)
{
	return !buf->failed;
}

const char *buf_text(const struct buf *buf)
{
	return buf->data != NULL ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
	char *text = buf->data != NULL ? buf->data : xstrdup("");

	*buf = (struct buf){.max = buf->max};
	return text;
}
