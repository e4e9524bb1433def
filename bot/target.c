#include "bot/target.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/memory.h"
#include "config/base/text.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes TEXT (LEN bytes) to *OUT, which moves behind the NUL that is written. */
static bool decode(const char *text, size_t len, bool is_query, char **out, struct error *err)
{
	char *to = *out;

	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (text[i] == '+' && is_query) {
			*to++ = ' ';
			continue;
		}
		if (text[i] != '%') {
			*to++ = text[i];
			continue;
		}
		high = len - i > 2 ? hex_digit(text[i + 1]) : -1;
		low = len - i > 2 ? hex_digit(text[i + 2]) : -1;
		if (high < 0 || low < 0)
			return error_set(err, ERROR_USAGE,
			    "the %s has a %% that two hex digits do not follow; a literal one is %%25",
			    is_query ? "query" : "path");
		if (high == 0 && low == 0)
			return error_set(err, ERROR_USAGE, "the %s holds %%00",
			    is_query ? "query" : "path");
		if (!is_query && high == 2 && low == 0xF)
			return error_set(err, ERROR_USAGE, "the path holds an encoded slash");
		*to++ = (char)(high << 4 | low);
		i += 2;
	}
	*to++ = '\0';
	*out = to;
	return true;
}

/* `http://host/path` is what a proxy is sent; a server takes it too (RFC 9112, 3.2.2). */
static const char *skip_authority(const char *raw)
{
	const char *host = NULL;

	if (strncasecmp(raw, "http://", 7) == 0)
		host = raw + 7;
	else if (strncasecmp(raw, "https://", 8) == 0)
		host = raw + 8;
	if (host == NULL)
		return raw;
	host += strcspn(host, "/?#");
	return host;
}

static bool parse_param(struct target *target, const char *text, size_t len, char **out, struct error *err)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals != NULL ? (size_t)(equals - text) : len;
	struct api_param *param;

	if (len == 0)
		return true;
	if (target->query_count == TARGET_PARAMS_MAX)
		return error_set(err, ERROR_USAGE, "the query has more than %d parameters",
		    TARGET_PARAMS_MAX);
	param = &target->query[target->query_count];
	param->name = *out;
	if (!decode(text, name_len, true, out, err))
		return false;
	param->value = *out;
	if (!decode(text + name_len + (equals != NULL), len - name_len - (equals != NULL), true, out,
	        err))
		return false;
	target->query_count++;
	return true;
}

static bool parse_query(struct target *target, const char *text, size_t len, char **out, struct error *err)
{
	size_t at = 0;

	if (len > 0)
		target->query = xcalloc(TARGET_PARAMS_MAX, sizeof(*target->query));
	while (at < len) {
		const char *end = memchr(text + at, '&', len - at);
		size_t size = end != NULL ? (size_t)(end - text) - at : len - at;

		if (!parse_param(target, text + at, size, out, err))
			return false;
		at += size + 1;
	}
	return true;
}

bool target_parse(const char *raw, struct target *target, struct error *err)
{
	const char *path = skip_authority(raw);
	size_t path_len = strcspn(path, "?#");
	const char *query = path + path_len + (path[path_len] == '?');
	size_t query_len = strcspn(query, "#");
	char *out;

	*target = (struct target){0};
	if (strnlen(raw, TARGET_MAX + 1) > TARGET_MAX)
		return error_set(err, ERROR_TOO_LONG, "the address is longer than %d bytes",
		    TARGET_MAX);
	if (path != raw && path_len == 0) {
		path = "/";
		path_len = 1;
	}
	if (path[0] != '/' && !(path_len == 1 && path[0] == '*'))
		return error_set(err, ERROR_USAGE, "the path must begin with /");
	/* Decoding never grows; a parameter adds at most two NULs to the separators that it loses. */
	target->space_size = path_len + query_len + 2 + 2 * (TARGET_PARAMS_MAX + 1);
	target->space = out = xcalloc(target->space_size, 1);
	target->path = out;
	if (!decode(path, path_len, false, &out, err) ||
	    !parse_query(target, query, query_len, &out, err)) {
		target_fini(target);
		return false;
	}
	if (text_has_invisible(target->path)) {
		target_fini(target);
		return error_set(err, ERROR_USAGE,
		    "the path holds characters that cannot be seen, or is not UTF-8");
	}
	return true;
}

void target_fini(struct target *target)
{
	if (target->space != NULL)
		explicit_bzero(target->space, target->space_size);
	free(target->space);
	free(target->query);
	*target = (struct target){0};
}
