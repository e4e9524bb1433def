#include "config/check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"

#define SAID_MAX 80 /* bytes of a wrong value that a mistake repeats */

/* ---- values --------------------------------------------------------------------------------------------- */

static bool has_variable(const char *text)
{
	return strstr(text, "${") != NULL;
}

/* NODE's value as a mistake may repeat it: as it was typed, so that what the environment holds stays there. */
static const char *said(const struct yaml_node *node, char space[SAID_MAX])
{
	size_t len = utf16_prefix(node->text, strlen(node->text), SAID_MAX / 4);

	if (len > SAID_MAX - 4)
		len = SAID_MAX - 4;
	memcpy(space, node->text, len);
	memcpy(space + len, "…", node->text[len] != '\0' ? sizeof("…") : 1);
	if (node->text[len] == '\0')
		space[len] = '\0';
	return space;
}

/* Puts the variable at **AT ("${NAME}") into OUT and moves behind it. */
static bool put_variable(
    struct check *check, const struct yaml_node *node, const char **at, struct buf *out)
{
	const char *name = *at + 2, *end = name;
	char copy[128];
	const char *value;

	while (isalnum((unsigned char)*end) || *end == '_')
		end++;
	if (end == name || *end != '}' || isdigit((unsigned char)*name) ||
	    (size_t)(end - name) >= sizeof(copy)) {
		yaml_mistake(check->yaml, node,
		    "\"${\" begins a variable of the environment: ${NAME}; write $${ for \"${\" "
		    "itself");
		return false;
	}
	memcpy(copy, name, (size_t)(end - name));
	copy[end - name] = '\0';
	value = getenv(copy);
	if (value == NULL) {
		yaml_mistake(check->yaml, node, "the environment has no %s", copy);
		return false;
	}
	buf_puts(out, value);
	*at = end + 1;
	return true;
}

char *check_text(struct check *check, const struct yaml_node *node, const char *what)
{
	struct buf out;
	char *text;

	if (node->kind != YAML_TEXT) {
		yaml_mistake(check->yaml, node, "%s is one value, not a %s", what,
		    node->kind == YAML_LIST ? "list" : "map");
		return NULL;
	}
	if (yaml_is_null(node)) {
		yaml_mistake(check->yaml, node,
		    "%s has no value; give it one or leave it out (a # begins a comment: quote it)",
		    what);
		return NULL;
	}
	buf_init(&out, VALUE_MAX);
	buf_put(&out, "", 0);
	for (const char *at = node->text; *at != '\0';) {
		if (strncmp(at, "$${", 3) == 0) {
			buf_puts(&out, "${");
			at += 3;
		} else if (strncmp(at, "${", 2) == 0) {
			if (!put_variable(check, node, &at, &out)) {
				buf_fini(&out);
				return NULL;
			}
		} else {
			buf_putc(&out, *at++);
		}
	}
	if (!buf_ok(&out)) {
		yaml_mistake(check->yaml, node, "%s is longer than %d bytes", what, VALUE_MAX);
		buf_fini(&out);
		return NULL;
	}
	text = buf_take(&out);
	if (text_is_empty(text)) {
		free(text);
		if (has_variable(node->text))
			yaml_mistake(check->yaml, node, "%s is empty: so is %s", what, node->text);
		else
			yaml_mistake(check->yaml, node, "%s is empty", what);
		return NULL;
	}
	return text;
}

int check_word(
    struct check *check, const struct yaml_node *node, const char *what, const char *const *names)
{
	char *text = check_text(check, node, what), space[SAID_MAX];
	struct buf list;
	int found = -1;

	if (text == NULL)
		return -1;
	buf_init(&list, 512);
	for (int i = 0; names[i] != NULL; i++) {
		buf_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
		if (strcmp(names[i], text) == 0)
			found = i;
	}
	if (found < 0)
		yaml_mistake(check->yaml, node, "%s cannot be \"%s\"; it is one of %s", what,
		    said(node, space), buf_text(&list));
	buf_fini(&list);
	free(text);
	return found;
}

static bool read_number(const char *text, double *value)
{
	char *end;

	if (text[0] == '\0' || strspn(text, "0123456789.") != strlen(text))
		return false;
	errno = 0;
	*value = strtod(text, &end);
	return *end == '\0' && errno == 0 && isfinite(*value);
}

static void read_count(
    struct check *check, const struct yaml_node *node, const struct key *key, int64_t *into)
{
	char *text = check_text(check, node, key->name), space[SAID_MAX], *end;
	long long value;

	if (text == NULL)
		return;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (strspn(text, "0123456789") != strlen(text) || *end != '\0' || errno != 0)
		yaml_mistake(check->yaml, node, "%s is a whole number, not \"%s\"", key->name,
		    said(node, space));
	else if (value < key->min || value > key->max)
		yaml_mistake(check->yaml, node, "%s is from %lld to %lld", key->name,
		    (long long)key->min, (long long)key->max);
	else
		*into = value;
	free(text);
}

static void read_rate(
    struct check *check, const struct yaml_node *node, const char *what, double *into)
{
	char *text = check_text(check, node, what), space[SAID_MAX];
	double value;

	if (text == NULL)
		return;
	if (!read_number(text, &value) || value <= 0)
		yaml_mistake(check->yaml, node, "%s is a number above 0, not \"%s\"", what,
		    said(node, space));
	else
		*into = value;
	free(text);
}

static void read_duration(
    struct check *check, const struct yaml_node *node, const char *what, int64_t *into)
{
	char *text = check_text(check, node, what), space[SAID_MAX];
	struct error err = {0};
	int64_t value;

	if (text == NULL)
		return;
	if (!duration_parse(text, &value, &err))
		yaml_mistake(check->yaml, node, "%s: %s", what,
		    has_variable(node->text) ? "what the environment holds is no duration"
					     : err.text);
	else if (value <= 0)
		yaml_mistake(
		    check->yaml, node, "%s is longer than \"%s\"", what, said(node, space));
	else
		*into = value;
	free(text);
}

static void read_flag(
    struct check *check, const struct yaml_node *node, const char *what, bool *into)
{
	static const char *const words[] = {"false", "true", NULL};
	int word = check_word(check, node, what, words);

	if (word >= 0)
		*into = word == 1;
}

/* ---- addresses ------------------------------------------------------------------------------------------ */

bool host_is_loopback(const char *host)
{
	struct in_addr four;
	struct in6_addr six;
	char bare[64];
	size_t len = strlen(host);

	if (len > 2 && len < sizeof(bare) && host[0] == '[' && host[len - 1] == ']') {
		memcpy(bare, host + 1, len - 2);
		bare[len - 2] = '\0';
		host = bare;
	}
	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool scheme_is_one_of(const char *scheme, size_t len, const char *schemes)
{
	for (const char *at = schemes; *at != '\0';) {
		size_t n = strcspn(at, " ");

		if (n == len && strncasecmp(at, scheme, len) == 0)
			return true;
		at += n + strspn(at + n, " ");
	}
	return false;
}

static bool port_is_good(const char *text, size_t len)
{
	long port = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		port = port * 10 + text[i] - '0';
	}
	return port >= 1 && port <= 65535;
}

static bool why_not(char *why, size_t size, const char *text)
{
	if (why != NULL)
		snprintf(why, size, "%s", text);
	return false;
}

bool url_is_taken(const char *url, const char *schemes, char *why, size_t size)
{
	const char *colon = strstr(url, "://"), *host, *end, *port;
	char name[256];
	size_t len, scheme_len;

	for (const unsigned char *c = (const unsigned char *)url; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("\"<>\\^`{|}", *c))
			return why_not(why, size, "it holds a character that no address has");
	if (colon == NULL || !scheme_is_one_of(url, (size_t)(colon - url), schemes)) {
		if (why != NULL)
			snprintf(why, size, "it begins with one of: %s (and ://)", schemes);
		return false;
	}
	scheme_len = (size_t)(colon - url);
	host = colon + 3;
	end = host + strcspn(host, "/?#");
	if (memchr(host, '@', (size_t)(end - host)) != NULL)
		return why_not(why, size, "it may not hold a user or password");
	if (*host == '[') {
		const char *close = memchr(host, ']', (size_t)(end - host));

		if (close == NULL)
			return why_not(why, size, "its [ is never closed");
		port = close + 1;
	} else {
		port = memchr(host, ':', (size_t)(end - host));
		if (port == NULL)
			port = end;
	}
	len = (size_t)(port - host);
	if (len == 0 || len >= sizeof(name))
		return why_not(why, size, "it names no host");
	if (port < end && (*port != ':' || !port_is_good(port + 1, (size_t)(end - port - 1))))
		return why_not(why, size, "its port is from 1 to 65535");
	memcpy(name, host, len);
	name[len] = '\0';
	if (!scheme_is_one_of(url, scheme_len, "https wss") && !host_is_loopback(name))
		return why_not(why, size,
		    "without TLS only on loopback (127.0.0.1, ::1, localhost); elsewhere https:// "
		    "(or wss://)");
	return true;
}

static void read_url(
    struct check *check, const struct yaml_node *node, const char *what, char **into)
{
	char *text = check_text(check, node, what), why[256];

	if (text == NULL)
		return;
	if (!url_is_taken(text, "https http", why, sizeof(why))) {
		yaml_mistake(check->yaml, node, "%s: %s", what, why);
	} else if (strpbrk(text, "?#") != NULL) {
		yaml_mistake(check->yaml, node, "%s is an address without ? and #", what);
	} else {
		free(*into);
		*into = text;
		return;
	}
	free(text);
}

/* ---- files and secrets ---------------------------------------------------------------------------------- */

static void read_path(
    struct check *check, const struct yaml_node *node, const char *what, char **into)
{
	char *text = check_text(check, node, what), *path;

	if (text == NULL)
		return;
	path = path_under(check->directory, text);
	free(text);
	if (access(path, R_OK) != 0) {
		yaml_mistake(check->yaml, node, "%s cannot be read: %s", what, strerror(errno));
		free(path);
		return;
	}
	free(*into);
	*into = path;
}

static bool secret_is_clean(struct check *check, const struct yaml_node *node, enum key_kind kind,
    const char *what, const char *secret)
{
	const unsigned char least = kind == KEY_SIGNING_SECRET ? ' ' : ' ' + 1;

	for (const unsigned char *c = (const unsigned char *)secret; *c != '\0'; c++) {
		if (*c >= least && *c != 0x7f)
			continue;
		yaml_mistake(check->yaml, node, "%s holds a %scontrol character", what,
		    least == ' ' ? "" : "blank or a ");
		return false;
	}
	return true;
}

static void warn_of_weak(struct check *check, const struct yaml_node *node, enum key_kind kind,
    const char *what, const char *secret)
{
	size_t len = strlen(secret);
	bool seen[256] = {false};
	int different = 0;

	for (size_t i = 0; i < len; i++) {
		different += !seen[(unsigned char)secret[i]];
		seen[(unsigned char)secret[i]] = true;
	}
	if (len < SECRET_WEAK_BELOW || different < 6)
		yaml_warning(check->yaml, node,
		    "%s is weak: anyone may guess it%s", what,
		    kind == KEY_SECRETS ? "" : "; `openssl rand -hex 24` makes a good one");
}

static void read_secret(
    struct check *check, const struct yaml_node *node, const struct key *key, char **into)
{
	bool is_literal =
	    node->kind != YAML_TEXT || (!yaml_is_null(node) && !has_variable(node->text));
	char *text;

	if (node->kind != YAML_TEXT || strncmp(node->text, "${", 2) != 0 ||
	    strchr(node->text, '}') != node->text + strlen(node->text) - 1)
		yaml_hide(check->yaml, node);
	text = check_text(check, node, key->name);
	if (text == NULL)
		return;
	if (!secret_is_clean(check, node, key->kind, key->name, text) || strlen(text) > SECRET_MAX) {
		if (strlen(text) > SECRET_MAX)
			yaml_mistake(
			    check->yaml, node, "%s is longer than %d bytes", key->name, SECRET_MAX);
		explicit_bzero(text, strlen(text));
		free(text);
		return;
	}
	check->has_literal_secret |= is_literal;
	if (key->kind != KEY_SECRET)
		warn_of_weak(check, node, key->kind, key->name, text);
	free(*into);
	*into = text;
}

static void read_secret_file(struct check *check, const struct yaml_node *node,
    const struct key *key, const char *what, char **into)
{
	char *path = NULL, *text;
	struct error err = {0};
	struct stat st;
	size_t len;

	read_path(check, node, what, &path);
	if (path == NULL)
		return;
	text = read_file(path, SECRET_MAX, &len, &err);
	if (text == NULL) {
		yaml_mistake(check->yaml, node, "%s cannot be read: %s", what, err.text);
		free(path);
		return;
	}
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
		yaml_warning(check->yaml, node,
		    "%s can be read by others (mode %04o); chmod 600 it", what,
		    (unsigned)(st.st_mode & 07777));
	free(path);
	while (len > 0 && strchr("\r\n", text[len - 1]))
		text[--len] = '\0';
	if (len == 0 || strlen(text) != len) {
		yaml_mistake(check->yaml, node, "%s: there is %s in it", what,
		    len == 0 ? "nothing" : "a NUL");
	} else if (secret_is_clean(check, node, key->kind, what, text)) {
		if (key->kind != KEY_SECRET)
			warn_of_weak(check, node, key->kind, what, text);
		free(*into);
		*into = text;
		return;
	}
	explicit_bzero(text, len);
	free(text);
}

/* Moves SECRET, if there is one, to the end of LIST. */
static void add_secret(char ***list, char *secret)
{
	size_t count = 0;

	if (secret == NULL)
		return;
	while (*list != NULL && (*list)[count] != NULL)
		count++;
	*list = xreallocarray(*list, count + 2, sizeof(**list));
	(*list)[count] = secret;
	(*list)[count + 1] = NULL;
}

/* One secret, or a list of them; WHAT is the key as it was written, which names files when IS_FILE. */
static void read_secrets(struct check *check, const struct yaml_node *node, const struct key *key,
    const char *what, bool is_file, char ***into)
{
	size_t count = node->kind == YAML_LIST ? node->count : 1;

	if (count == 0 || count > SECRETS_MAX) {
		yaml_hide(check->yaml, node);
		yaml_mistake(check->yaml, node, "%s has from 1 to %d entries", what, SECRETS_MAX);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct yaml_node *one = node->kind == YAML_LIST ? node->items[i] : node;
		char *secret = NULL;

		if (is_file)
			read_secret_file(check, one, key, what, &secret);
		else
			read_secret(check, one, key, &secret);
		add_secret(into, secret);
	}
}

/* ---- sections ------------------------------------------------------------------------------------------- */

static bool is_secret_kind(enum key_kind kind)
{
	return kind == KEY_SECRET || kind == KEY_OWN_SECRET || kind == KEY_SIGNING_SECRET ||
	       kind == KEY_SECRETS;
}

static void read_value(
    struct check *check, const struct yaml_node *node, const struct key *key, void *into)
{
	void *at = (char *)into + key->offset;

	switch (key->kind) {
	case KEY_TEXT: {
		char *text = check_text(check, node, key->name);

		if (text != NULL) {
			free(*(char **)at);
			*(char **)at = text;
		}
		break;
	}
	case KEY_SECRET:
	case KEY_OWN_SECRET:
	case KEY_SIGNING_SECRET:
		read_secret(check, node, key, at);
		break;
	case KEY_SECRETS:
		read_secrets(check, node, key, key->name, false, at);
		break;
	case KEY_URL:
		read_url(check, node, key->name, at);
		break;
	case KEY_FILE:
		read_path(check, node, key->name, at);
		break;
	case KEY_DURATION:
		read_duration(check, node, key->name, at);
		break;
	case KEY_COUNT:
		read_count(check, node, key, at);
		break;
	case KEY_RATE:
		read_rate(check, node, key->name, at);
		break;
	case KEY_FLAG:
		read_flag(check, node, key->name, at);
		break;
	case KEY_NODE:
		key->read(check, node, into);
		break;
	}
}

static const struct key *find_key(const struct key *keys, const char *name, bool *is_file)
{
	size_t len = strlen(name);

	*is_file = false;
	for (const struct key *key = keys; key->name != NULL; key++) {
		if (strcmp(key->name, name) == 0)
			return key;
		if (is_secret_kind(key->kind) && len == strlen(key->name) + 5 &&
		    strncmp(name, key->name, len - 5) == 0 &&
		    strcmp(name + len - 5, "_file") == 0) {
			*is_file = true;
			return key;
		}
	}
	return NULL;
}

static void tell_unknown(struct check *check, const struct yaml_node *key,
    const struct yaml_node *value, const char *what, const struct key *keys)
{
	const char *names[64];
	char *made[64], copy[65];
	size_t count = 0, made_count = 0;
	const char *nearest;

	for (; keys->name != NULL && count + 2 < 64; keys++) {
		names[count++] = keys->name;
		if (is_secret_kind(keys->kind)) {
			made[made_count] = xasprintf("%s_file", keys->name);
			names[count++] = made[made_count++];
		}
	}
	yaml_hide(check->yaml, value); /* it may be a secret whose key was mistyped */
	snprintf(copy, sizeof(copy), "%s", key->text);
	nearest = nearest_name(copy, names, count);
	if (nearest != NULL) {
		yaml_mistake(
		    check->yaml, key, "%s has no \"%s\"; did you mean %s?", what, copy, nearest);
	} else {
		struct buf list;

		buf_init(&list, 900);
		for (size_t i = 0; i < count; i++)
			buf_printf(&list, " %s", names[i]);
		yaml_mistake(
		    check->yaml, key, "%s has no \"%s\"; it has%s", what, copy, buf_text(&list));
		buf_fini(&list);
	}
	while (made_count > 0)
		free(made[--made_count]);
}

bool check_section(struct check *check, const struct yaml_node *map, const char *what,
    const struct key *keys, void *into)
{
	bool is_file;

	if (map->kind != YAML_MAP) {
		yaml_hide(check->yaml, map);
		yaml_mistake(check->yaml, map, "%s is a map of keys and values", what);
		return false;
	}
	for (size_t i = 0; i < map->count; i++) {
		const struct key *key = find_key(keys, map->keys[i]->text, &is_file);

		if (yaml_key(map, map->keys[i]->text) != map->keys[i])
			continue; /* the second of a name: told when the file was read */
		if (key == NULL) {
			tell_unknown(check, map->keys[i], map->items[i], what, keys);
			continue;
		}
		if (is_file && yaml_get(map, key->name) != NULL)
			yaml_mistake(check->yaml, map->keys[i], "either %s or %s, not both",
			    key->name, map->keys[i]->text);
		if (is_file && key->kind == KEY_SECRETS)
			read_secrets(check, map->items[i], key, map->keys[i]->text, true,
			    (char ***)((char *)into + key->offset));
		else if (is_file)
			read_secret_file(check, map->items[i], key, map->keys[i]->text,
			    (char **)((char *)into + key->offset));
		else
			read_value(check, map->items[i], key, into);
	}
	for (const struct key *key = keys; key->name != NULL; key++) {
		char *other = is_secret_kind(key->kind) ? xasprintf("%s_file", key->name) : NULL;

		if (key->is_required && yaml_get(map, key->name) == NULL &&
		    (other == NULL || yaml_get(map, other) == NULL))
			yaml_mistake(check->yaml, map, "%s lacks %s", what, key->name);
		free(other);
	}
	return true;
}

void check_list(struct check *check, const struct yaml_node *node, const char *what,
    void (*each)(struct check *check, const struct yaml_node *node, void *into), void *into)
{
	if (yaml_is_null(node))
		return;
	if (node->kind != YAML_LIST) {
		yaml_hide(check->yaml, node);
		yaml_mistake(check->yaml, node,
		    "%s is a list: [ … ], or lines that begin with a dash", what);
		return;
	}
	if (node->count > LIST_MAX) {
		yaml_mistake(check->yaml, node, "%s has more than %d entries", what, LIST_MAX);
		return;
	}
	for (size_t i = 0; i < node->count; i++)
		each(check, node->items[i], into);
}
