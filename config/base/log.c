#include "config/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "config/base/buf.h"
#include "config/base/text.h"

#define LOG_LINE_MAX 4096 /* bytes of one message; the rest is cut */

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* The one global: every module logs, and none is handed the means. */
static struct {
	enum log_level level;
	bool json;
} how = {LOG_INFO, false};

void log_setup(enum log_level level, bool json)
{
	how.level = level;
	how.json = json;
}

bool log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcasecmp(name, level_names[i]) != 0)
			continue;
		*level = (enum log_level)i;
		return true;
	}
	return false;
}

/* Text from outside must not forge a line, nor drive a terminal. */
static void put_safe(struct buf *line, const char *text)
{
	size_t len = strlen(text), size;

	for (size_t i = 0; i < len; i += size) {
		uint32_t code = utf8_decode(text + i, len - i, &size);

		if (how.json && (code == '"' || code == '\\'))
			buf_printf(line, "\\%c", (char)code);
		else if (code == CODEPOINT_REPLACEMENT)
			buf_put_utf8(line, code);
		else if (codepoint_is_invisible(code))
			buf_printf(line, how.json ? "\\u%04x" : "\\x%02x", code & 0xFFFF);
		else
			buf_put(line, text + i, size);
	}
}

void log_line(enum log_level level, const char *format, ...)
{
	char message[LOG_LINE_MAX], stamp[32];
	struct buf line;
	struct timespec now;
	struct tm tm;
	va_list args;

	if (level > how.level)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);

	buf_init(&line, 8 * LOG_LINE_MAX);
	buf_printf(&line, how.json ? "{\"at\":\"%s.%03ldZ\",\"level\":\"%s\",\"message\":\"" : "%s.%03ldZ %-5s ",
	    stamp, now.tv_nsec / 1000000, level_names[level]);
	put_safe(&line, message);
	buf_puts(&line, how.json ? "\"}\n" : "\n");
	/* stderr is unbuffered: one write a line. A log that cannot be written is nobody's to tell. */
	fwrite(buf_text(&line), 1, line.len, stderr);
	buf_fini(&line);
}
