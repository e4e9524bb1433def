/*
 * api_alertmanager - /api/v2…: what Prometheus, Falcosidekick, amtool and others say to an Alertmanager. Alerts come in as anywhere; a silence
 * is an announcement, with its guard rails. github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/announcements.h"
#include "handlers/api_internal.h"
#include "handlers/grammar.h"

#define LIST_MAX 1000         /* alerts of one state, or silences, in one answer */
#define RESOLVE_TIMEOUT_S 300 /* an alert that says no end holds so long, as Alertmanager has it */
#define UUID_PREFIX "00000000-0000-4000-8000-"
#define UUID_MAX 40
#define SHOWN_MAX 100       /* UTF-16 units of what was asked that an error repeats */
#define AS_VERSION "0.25.0" /* whose API this is; amtool warns when its own is another */

/* ---- answers ---------------------------------------------------------------------------------------------- */

/* Alertmanager's errors are a JSON string. */
static void refuse_text(struct call *call, int status, const char *text)
{
	api_json(call->answer, status, cJSON_CreateString(text));
	call->answer->content_type = "application/json";
}

/* ERR in words; its clients show those of a 400, and know of no 403 or 409. What is not stored stays a 503: they try again. */
static void refuse(struct call *call, const struct error *err)
{
	char *text;

	if (err->kind == ERROR_IO || err->kind == ERROR_NEWER || err->kind == ERROR_WAIT) {
		api_refuse(call, err);
		return;
	}
	text = api_plain_sentence(call->desk->config, err->text);
	refuse_text(call, err->kind == ERROR_NOT_FOUND ? 404 : 400, text);
	free(text);
	/* A refusal by policy is itself a fact of the audit log: it is kept. */
	call->is_stored = err->kind == ERROR_REFUSED || err->kind == ERROR_FORBIDDEN;
}

static void answer_nothing(struct call *call)
{
	buf_reset(&call->answer->body);
	call->answer->status = 200;
	call->answer->content_type = "application/json";
}

/* ---- matchers ---------------------------------------------------------------------------------------------- */

/* In quotes, as matches are read: a backslash needs another one only before a quote or the end. */
static void put_quoted(struct buf *out, const char *text)
{
	buf_putc(out, '"');
	while (*text != '\0') {
		size_t slashes = strspn(text, "\\");

		text += slashes;
		for (size_t i = *text == '"' || *text == '\0' ? 2 * slashes : slashes; i > 0; i--)
			buf_putc(out, '\\');
		if (*text == '"')
			buf_putc(out, '\\');
		if (*text != '\0')
			buf_putc(out, *text++);
	}
	buf_putc(out, '"');
}

/* TEXT as a regular expression that means just that; with IS_GLOB its * and ? keep their meaning. */
static void put_escaped(struct buf *out, const char *text, bool is_glob)
{
	for (; *text != '\0'; text++) {
		if (is_glob && *text == '*')
			buf_puts(out, ".*");
		else if (is_glob && *text == '?')
			buf_putc(out, '.');
		else {
			if (strchr("\\^$.|?*+()[]{}", *text) != NULL)
				buf_putc(out, '\\');
			buf_putc(out, *text);
		}
	}
}

/*
 * A MATCH that holds what Alertmanager's matcher does; the caller frees. A value is literal there, and a glob here. severity= of
 * another word than our five is refused by match_parse(), and says which they are.
 */
static char *match_text(const char *name, const char *value, bool is_regex, bool is_equal)
{
	const bool is_literal = !is_regex && strpbrk(value, "*?") != NULL;
	struct buf out, pattern;

	buf_init(&out, 3 * MATCH_TEXT_MAX);
	buf_init(&pattern, 3 * MATCH_TEXT_MAX);
	if (is_literal)
		put_escaped(&pattern, value, false);
	else
		buf_puts(&pattern, value);
	put_quoted(&out, name);
	buf_puts(&out, is_regex || is_literal ? (is_equal ? "~" : "!~") : (is_equal ? "=" : "!="));
	put_quoted(&out, buf_text(&pattern));
	buf_fini(&pattern);
	return buf_take(&out);
}

/* The names that its users know our fields by. */
static const char *label_of(const char *field)
{
	return strcmp(field, "rule") == 0   ? "alertname"
	       : strcmp(field, "host") == 0 ? "instance"
					    : field;
}

static cJSON *matcher_json(const char *text)
{
	struct match *match = match_parse(text, NULL);
	cJSON *json = cJSON_CreateObject();
	bool is_plain;
	struct buf value;

	if (match == NULL)
		return json;
	is_plain = match->pattern == NULL && match->value_count == 1 && !match->values[0].is_glob;
	buf_init(&value, 3 * MATCH_TEXT_MAX);
	if (match->pattern != NULL)
		buf_puts(&value, match->pattern);
	else if (is_plain)
		buf_puts(&value, match->values[0].text);
	for (size_t i = 0; !is_plain && i < match->value_count; i++) {
		buf_puts(&value, i > 0 ? "|" : "");
		put_escaped(&value, match->values[i].text, match->values[i].is_glob);
	}
	json_put(json, "name", label_of(match->name));
	json_put(json, "value", buf_text(&value));
	cJSON_AddBoolToObject(json, "isRegex", !is_plain);
	cJSON_AddBoolToObject(json, "isEqual", match_is_positive(match));
	buf_fini(&value);
	match_free(match);
	return json;
}

/* One `filter=`: name="value", name!="value", name=~"regex", name!~"regex"; the quotes may be left out. */
static char *filter_text(const char *filter, struct error *err)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:.-";
	const char *rest = filter + strspn(filter, " ");
	size_t name_len = strspn(rest, letters);
	char *name = xstrndup(rest, name_len), *value, *text;
	bool is_equal, is_regex;
	size_t len;

	rest += name_len + strspn(rest + name_len, " ");
	is_equal = rest[0] == '=';
	is_regex = (rest[0] == '=' || rest[0] == '!') && rest[1] == '~';
	if (name_len == 0 ||
	    (!is_equal && (rest[0] != '!' || (rest[1] != '=' && rest[1] != '~')))) {
		error_set(err, ERROR_USAGE, "bad matcher format: %.*s",
		    (int)utf16_prefix(filter, strlen(filter), SHOWN_MAX), filter);
		free(name);
		return NULL;
	}
	rest += is_regex || !is_equal ? 2 : 1;
	rest += strspn(rest, " ");
	len = strlen(rest);
	while (len > 0 && rest[len - 1] == ' ')
		len--;
	if (len >= 2 && rest[0] == '"' && rest[len - 1] == '"') {
		/* Go's quoting, as far as it is used: \" and \\ . */
		value = xcalloc(len, 1);
		for (size_t i = 1, at = 0; i < len - 1; i++) {
			if (rest[i] == '\\' && i + 1 < len - 1 &&
			    strchr("\"\\", rest[i + 1]) != NULL)
				i++;
			value[at++] = rest[i];
		}
	} else {
		value = xstrndup(rest, len);
	}
	text = match_text(name, value, is_regex, is_equal);
	free(name);
	free(value);
	return text;
}

/* All `filter=` of the request as texts of matches; false with ERR. *COUNT of them, at most MATCH_MAX; the caller frees each. */
static bool read_filters(
    const struct api_request *request, char *texts[MATCH_MAX], size_t *count, struct error *err)
{
	*count = 0;
	for (size_t i = 0; i < request->query_count; i++) {
		if (strcmp(request->query[i].name, "filter") != 0)
			continue;
		if (*count == MATCH_MAX)
			return error_set(err, ERROR_USAGE, "at most %d times filter=", MATCH_MAX);
		texts[*count] = filter_text(request->query[i].value, err);
		if (texts[*count] == NULL)
			return false;
		(*count)++;
	}
	return true;
}

static bool parse_filters(
    const struct api_request *request, struct matches *matches, struct error *err)
{
	char *texts[MATCH_MAX] = {NULL};
	size_t count;
	bool ok =
	    read_filters(request, texts, &count, err) && matches_parse(texts, count, matches, err);

	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	return ok;
}

/* ---- alerts in -------------------------------------------------------------------------------------------- */

void api_am_alerts_post(struct call *call)
{
	const struct source_config *source = call->caller.source;
	struct taken taken;
	enum take outcome;

	if (source != NULL && !api_source_may(call->desk, source, &call->answer->retry_after_s)) {
		api_problem(call->answer, 429,
		    "this source sends more than its rate (rate: and burst: in the configuration)");
		return;
	}
	outcome = api_take(call, call->desk->alertmanager, call->caller.actor.who, false, &taken);
	if (outcome == TAKE_NOT_STORED || taken.error.kind == ERROR_TOO_LONG)
		api_refuse(call, &taken.error);
	else if (taken.error.kind != ERROR_NONE)
		refuse_text(call, 400, taken.error.text); /* what was good is stored, as there */
	else
		answer_nothing(call);
	taken_fini(&taken);
}

/* ---- alerts out ------------------------------------------------------------------------------------------- */

static void silence_uuid(int64_t id, char out[UUID_MAX])
{
	snprintf(out, UUID_MAX, UUID_PREFIX "%012" PRIx64, (uint64_t)id & UINT64_C(0xffffffffffff));
}

static cJSON *labels_json(const struct alert *alert)
{
	static const char *const fields[] = {"rule", "host", "severity", "source", "actor", "ip",
	    "process", "service", "env", "account", "region", NULL};
	cJSON *json = cJSON_CreateObject();
	char space[32];

	for (size_t i = 0; i < alert->label_count; i++)
		json_put(json, alert->labels[i].name, alert->labels[i].value);
	for (size_t i = 0; fields[i] != NULL; i++) {
		const char *value = alert_value(alert, fields[i], space),
			   *name = label_of(fields[i]);

		if (value != NULL && !cJSON_HasObjectItem(json, name))
			json_put(json, name, value);
	}
	return json;
}

static cJSON *names_json(const char *name)
{
	cJSON *list = cJSON_CreateArray(), *entry = cJSON_CreateObject();

	json_put(entry, "name", name);
	cJSON_AddItemToArray(list, entry);
	return list;
}

static cJSON *status_json(const struct alert *alert)
{
	cJSON *json = cJSON_CreateObject(), *by;
	char uuid[UUID_MAX];

	json_put(json, "state", alert->status == ALERT_EXPECTED ? "suppressed" : "active");
	by = cJSON_AddArrayToObject(json, "silencedBy");
	if (alert->status == ALERT_EXPECTED) {
		silence_uuid(alert->announcement, uuid);
		cJSON_AddItemToArray(by, cJSON_CreateString(uuid));
	}
	cJSON_AddArrayToObject(json, "inhibitedBy");
	cJSON_AddArrayToObject(json, "mutedBy");
	return json;
}

static cJSON *alert_json(const struct desk *desk, const struct alert *alert)
{
	cJSON *json = cJSON_CreateObject(), *annotations;
	const char *channel = alert->channel != NULL ? alert->channel : "none";
	char hex[65];

	sha256_hex(alert->dedup_key != NULL ? alert->dedup_key : "",
	    alert->dedup_key != NULL ? strlen(alert->dedup_key) : 0, hex);
	hex[16] = '\0';
	cJSON_AddItemToObject(json, "labels", labels_json(alert));
	annotations = cJSON_AddObjectToObject(json, "annotations");
	json_put(annotations, "summary", alert->title);
	if (alert->description != NULL)
		json_put(annotations, "description", alert->description);
	json_put(json, "fingerprint", hex);
	json_put_time(json, "startsAt", alert->occurred_at);
	json_put_time(json, "endsAt",
	    alert->ends_at != TIME_NONE ? alert->ends_at : desk->now + RESOLVE_TIMEOUT_S);
	json_put_time(json, "updatedAt", alert->last_seen);
	json_put(json, "generatorURL", alert->url != NULL ? alert->url : "");
	cJSON_AddItemToObject(json, "receivers", names_json(channel + (channel[0] == '#')));
	cJSON_AddItemToObject(json, "status", status_json(alert));
	return json;
}

struct alert_listing {
	struct call *call;
	struct matches matches;
	struct match *receiver; /* over the channel, as the label "receiver"; NULL: any */
	cJSON *list;
};

static bool receiver_fits(const struct match *receiver, const char *channel)
{
	struct alert alert;
	bool fits;

	if (receiver == NULL)
		return true;
	alert_init(&alert);
	alert_add_label(
	    &alert, "receiver", channel != NULL ? channel + (channel[0] == '#') : "none");
	fits = match_holds(receiver, &alert, NULL);
	alert_fini(&alert);
	return fits;
}

static bool add_alert(void *ctx, const struct alert *alert)
{
	struct alert_listing *listing = ctx;
	const struct desk *desk = listing->call->desk;

	/* What was expected under one that is over is as good as over itself: there is no such silence any more. */
	if (alert->status == ALERT_EXPECTED &&
	    announcements_find(desk, alert->announcement) == NULL)
		return true;
	if (matches_hold(&listing->matches, alert) &&
	    receiver_fits(listing->receiver, alert->channel))
		cJSON_AddItemToArray(listing->list, alert_json(desk, alert));
	return true;
}

/* `active=false` and its like; absent is true. */
static bool flag(const struct call *call, const char *name)
{
	return !text_equal(api_query(call->request, name), "false");
}

static bool list_alerts(struct alert_listing *listing, struct error *err)
{
	const struct {
		enum alert_status status;
		const char *flag;
	} wanted[] = {
	    {ALERT_OPEN, "active"}, {ALERT_ACKED, "active"}, {ALERT_EXPECTED, "silenced"}};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const struct alert_query query = {.status = (int)wanted[i].status,
		    .since = TIME_NONE,
		    .until = TIME_NONE,
		    .limit = LIST_MAX};

		if (flag(listing->call, wanted[i].flag) &&
		    !storage_each_alert(
			listing->call->desk->storage, &query, add_alert, listing, err))
			return false;
	}
	return true;
}

static bool read_receiver(struct call *call, struct match **receiver, struct error *err)
{
	const char *pattern = api_query(call->request, "receiver");
	char *text;

	*receiver = NULL;
	if (text_is_empty(pattern))
		return true;
	text = match_text("receiver", pattern, true, true);
	*receiver = match_parse(text, err);
	free(text);
	return *receiver != NULL;
}

void api_am_alerts_get(struct call *call)
{
	struct alert_listing listing = {.call = call, .list = cJSON_CreateArray()};
	struct error err;

	if (parse_filters(call->request, &listing.matches, &err) &&
	    read_receiver(call, &listing.receiver, &err) && list_alerts(&listing, &err)) {
		api_json(call->answer, 200, listing.list);
	} else {
		cJSON_Delete(listing.list);
		refuse(call, &err);
	}
	matches_fini(&listing.matches);
	match_free(listing.receiver);
}

/* ---- silences out ------------------------------------------------------------------------------------------ */

static const char *silence_state(const struct desk *desk, const struct announcement *announcement)
{
	const char *status = announcement_status(announcement, desk->now);

	if (strcmp(status, "active") == 0)
		return "active";
	return strcmp(status, "scheduled") == 0 || strcmp(status, "pending") == 0 ? "pending"
										  : "expired";
}

static cJSON *silence_json(const struct desk *desk, const struct announcement *announcement)
{
	cJSON *json = cJSON_CreateObject(), *status, *list;
	int64_t ends_at = announcement->over_at != TIME_NONE ? announcement->over_at
							     : announcement_ends_at(announcement);
	char uuid[UUID_MAX], space[64];

	silence_uuid(announcement->id, uuid);
	json_put(json, "id", uuid);
	status = cJSON_AddObjectToObject(json, "status");
	json_put(status, "state", silence_state(desk, announcement));
	list = cJSON_AddArrayToObject(json, "matchers");
	for (size_t i = 0; i < announcement->match_count; i++)
		cJSON_AddItemToArray(list, matcher_json(announcement->match[i]));
	json_put_time(json, "startsAt", announcement->starts_at);
	json_put_time(json, "endsAt", ends_at);
	json_put_time(json, "updatedAt",
	    announcement->over_at != TIME_NONE ? announcement->over_at : announcement->created_at);
	json_put(json, "createdBy", config_person_name(desk->config, announcement->author, space));
	json_put(json, "comment", announcement->because);
	return json;
}

struct silence_listing {
	const struct desk *desk;
	struct matches matches;
	cJSON *list;
};

/* Does a matcher of the silence fit each filter? It is looked at as if its matchers were an alert's labels, as there. */
static bool silence_fits(const struct silence_listing *listing, const cJSON *silence)
{
	const cJSON *matcher;
	struct alert alert;
	bool fits;

	if (listing->matches.count == 0)
		return true;
	alert_init(&alert);
	cJSON_ArrayForEach(matcher, json_get(silence, "matchers"))
	{
		const char *name = json_text(matcher, "name"), *value = json_text(matcher, "value");
		const struct field *field = name != NULL ? field_find(name) : NULL;

		if (field != NULL && (field->kind == FIELD_TEXT || field->kind == FIELD_HOST ||
					 field->kind == FIELD_IP))
			alert_set_text(&alert, field, value);
		else if (field != NULL && field->kind == FIELD_SEVERITY)
			(void)severity_parse(value, &alert.severity);
		else if (name != NULL)
			alert_add_label(&alert, name, value);
	}
	fits = matches_hold(&listing->matches, &alert);
	alert_fini(&alert);
	return fits;
}

static bool add_silence(void *ctx, const struct announcement *announcement)
{
	struct silence_listing *listing = ctx;
	cJSON *json = silence_json(listing->desk, announcement);

	if (silence_fits(listing, json))
		cJSON_AddItemToArray(listing->list, json);
	else
		cJSON_Delete(json);
	return true;
}

void api_am_silences_get(struct call *call)
{
	const struct announcement_query query = {.state = -1, .limit = LIST_MAX};
	struct silence_listing listing = {.desk = call->desk, .list = cJSON_CreateArray()};
	struct error err;

	if (parse_filters(call->request, &listing.matches, &err) &&
	    storage_each_announcement(call->desk->storage, &query, add_silence, &listing, &err)) {
		api_json(call->answer, 200, listing.list);
	} else {
		cJSON_Delete(listing.list);
		refuse(call, &err);
	}
	matches_fini(&listing.matches);
}

/* A silence's id is our number in the shape of a UUID; H17 is understood too. */
static bool silence_id(const char *text, int64_t *id)
{
	const char *digits;
	char *end;

	if (text != NULL && id_parse(text, 'H', id))
		return true;
	if (text == NULL || strlen(text) != strlen(UUID_PREFIX) + 12 ||
	    !text_prefix(text, UUID_PREFIX))
		return false;
	digits = text + strlen(UUID_PREFIX);
	if (digits[strspn(digits, "0123456789abcdef")] != '\0')
		return false;
	*id = (int64_t)strtoull(digits, &end, 16);
	return *id > 0;
}

/* NULL: answered. The caller frees. */
static struct announcement *open_silence(struct call *call, const char *text)
{
	struct announcement *announcement = NULL;
	struct error err = {0};
	int64_t id;

	error_set(&err, ERROR_NOT_FOUND, "there is no such silence");
	if (silence_id(text, &id))
		announcement = storage_announcement(call->desk->storage, id, &err);
	if (announcement == NULL)
		refuse(call, &err);
	return announcement;
}

void api_am_silence_get(struct call *call)
{
	struct announcement *announcement = open_silence(call, call->part);

	if (announcement == NULL)
		return;
	api_json(call->answer, 200, silence_json(call->desk, announcement));
	announcement_free(announcement);
}

/* ---- silences in ------------------------------------------------------------------------------------------- */

/* What has begun is ended, what has not is taken back. */
static bool expire(
    struct call *call, const struct announcement *announcement, const char *why, struct error *err)
{
	struct announcement *now = NULL;
	bool ok =
	    announcement->starts_at > call->desk->now
		? announcement_cancel(call->desk, &call->caller.actor, announcement->id, &now, err)
		: announcement_end(
		      call->desk, &call->caller.actor, announcement->id, why, &now, err);

	announcement_free(now);
	return ok;
}

void api_am_silence_delete(struct call *call)
{
	struct announcement *announcement = open_silence(call, call->part);
	struct error err;

	if (announcement == NULL)
		return;
	if (expire(call, announcement, "expired", &err))
		answer_nothing(call);
	else
		refuse(call, &err);
	announcement_free(announcement);
}

/* A silence as it was posted. */
struct silence {
	char *match[MATCH_MAX]; /* owned */
	size_t match_count;
	const char *id, *comment, *created_by;
	int64_t starts_at, ends_at;
};

static bool read_matcher(const cJSON *json, char **match, struct error *err)
{
	const char *name = json_text(json, "name"), *value = json_text(json, "value");
	const cJSON *is_equal = json_get(json, "isEqual");

	if (text_is_empty(name) || value == NULL)
		return error_set(
		    err, ERROR_USAGE, "invalid silence: each matcher has a name and a value");
	if (strlen(name) + strlen(value) > MATCH_TEXT_MAX - 16)
		return error_set(err, ERROR_USAGE,
		    "invalid silence: a matcher has at most %d bytes", MATCH_TEXT_MAX - 16);
	*match = match_text(name, value, json_true(json, "isRegex"),
	    is_equal == NULL || cJSON_IsNull(is_equal) || json_true(json, "isEqual"));
	return true;
}

static bool read_time(const cJSON *json, const char *name, int64_t *at, struct error *err)
{
	const char *text = json_text(json, name);

	*at = TIME_NONE;
	return (text != NULL && time_parse_rfc3339(text, at)) ||
	       error_set(err, ERROR_USAGE, "invalid silence: %s must be an RFC 3339 time", name);
}

static bool read_silence(const cJSON *json, struct silence *silence, struct error *err)
{
	const cJSON *list = json_get(json, "matchers"), *item;

	cJSON_ArrayForEach(item, list)
	{
		if (silence->match_count == MATCH_MAX)
			return error_set(
			    err, ERROR_USAGE, "invalid silence: at most %d matchers", MATCH_MAX);
		if (!read_matcher(item, &silence->match[silence->match_count], err))
			return false;
		silence->match_count++;
	}
	silence->id = json_text(json, "id");
	silence->comment = json_text(json, "comment");
	silence->created_by = json_text(json, "createdBy");
	return read_time(json, "startsAt", &silence->starts_at, err) &&
	       read_time(json, "endsAt", &silence->ends_at, err);
}

static void silence_fini(struct silence *silence)
{
	for (size_t i = 0; i < silence->match_count; i++)
		free(silence->match[i]);
}

/* Says the silence what the announcement does, but for its end? */
static bool is_same(
    const struct desk *desk, const struct silence *silence, const struct announcement *announcement)
{
	if (silence->match_count != announcement->match_count ||
	    !text_equal(silence->comment, announcement->because) ||
	    (silence->starts_at != announcement->starts_at &&
		(silence->starts_at > desk->now || announcement->starts_at > desk->now)))
		return false;
	for (size_t i = 0; i < silence->match_count; i++) {
		struct match *match = match_parse(silence->match[i], NULL),
			     *old = match_parse(announcement->match[i], NULL);
		cJSON *a = match != NULL ? matcher_json(match->source) : NULL,
		      *b = old != NULL ? matcher_json(old->source) : NULL;
		bool same = a != NULL && b != NULL && cJSON_Compare(a, b, true);

		cJSON_Delete(a);
		cJSON_Delete(b);
		match_free(match);
		match_free(old);
		if (!same)
			return false;
	}
	return true;
}

/*
 * createdBy is an author like any other where it names one of our people and the token may announce for them; amtool fills it with the name of the
 * account that it runs as, which is nobody here: then the token is the author, and covers nobody's logins.
 */
static bool announce_silence(
    struct call *call, const struct silence *silence, struct announcement **made, struct error *err)
{
	const struct config *config = call->desk->config;
	const bool is_ours =
	    silence->created_by != NULL && config_person(config, silence->created_by) != NULL;
	const struct announce_request request = {.match = (char **)(uintptr_t)silence->match,
	    .match_count = silence->match_count,
	    .from = silence->starts_at,
	    .until = silence->ends_at,
	    .because = silence->comment,
	    .author = is_ours ? silence->created_by : call->caller.actor.who};
	bool is_again;

	return announce(call->desk, &call->caller.actor, &request, made, &is_again, err);
}

/* *ID is the silence that stands afterwards: the same one where only its end moves on, else another in its place. */
static bool update_silence(struct call *call, const struct silence *silence,
    struct announcement *old, int64_t *id, struct error *err)
{
	struct announcement *now = NULL;
	bool ok = true;

	*id = old->id;
	if (announcement_over_why(old, call->desk->now) == NULL &&
	    is_same(call->desk, silence, old) && silence->ends_at >= old->ends_at) {
		if (silence->ends_at > old->ends_at)
			ok = announcement_extend(call->desk, &call->caller.actor, old->id,
			    silence->ends_at - old->ends_at, &now, err);
		announcement_free(now);
		return ok;
	}
	if (!announce_silence(call, silence, &now, err))
		return false;
	*id = now->id;
	announcement_free(now);
	return announcement_over_why(old, call->desk->now) != NULL ||
	       expire(call, old, "replaced", err);
}

static bool post_silence(
    struct call *call, const struct silence *silence, int64_t *id, struct error *err)
{
	struct announcement *old = NULL, *made = NULL;
	int64_t old_id;
	bool ok;

	if (text_is_empty(silence->id)) {
		ok = announce_silence(call, silence, &made, err);
		*id = ok ? made->id : 0;
		announcement_free(made);
		return ok;
	}
	if (!silence_id(silence->id, &old_id))
		return error_set(err, ERROR_NOT_FOUND, "there is no such silence");
	old = storage_announcement(call->desk->storage, old_id, err);
	ok = old != NULL && update_silence(call, silence, old, id, err);
	announcement_free(old);
	return ok;
}

void api_am_silences_post(struct call *call)
{
	struct silence silence = {0};
	struct error err;
	char uuid[UUID_MAX];
	int64_t id;
	cJSON *json = json_parse(call->request->body, call->request->body_len, &err), *answer;

	if (json == NULL) {
		refuse(call, &err);
		return;
	}
	if (read_silence(json, &silence, &err) && post_silence(call, &silence, &id, &err)) {
		silence_uuid(id, uuid);
		answer = cJSON_CreateObject();
		json_put(answer, "silenceID", uuid);
		api_json(call->answer, 200, answer);
	} else {
		refuse(call, &err);
	}
	silence_fini(&silence);
	cJSON_Delete(json);
}

/* ---- the rest ----------------------------------------------------------------------------------------------- */

void api_am_receivers(struct call *call)
{
	const struct config *config = call->desk->config;
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < config->route_count; i++) {
		cJSON *entry = cJSON_CreateObject();

		json_put(entry, "name", config->routes[i].name);
		cJSON_AddItemToArray(list, entry);
	}
	api_json(call->answer, 200, list);
}

void api_am_status(struct call *call)
{
	cJSON *json = cJSON_CreateObject(), *part;

	part = cJSON_AddObjectToObject(json, "cluster");
	json_put(part, "status", "disabled");
	cJSON_AddArrayToObject(part, "peers");
	part = cJSON_AddObjectToObject(json, "config");
	json_put(part, "original", "# headsup: its configuration is its own\n");
	json_put_time(json, "uptime", call->desk->started_at);
	part = cJSON_AddObjectToObject(json, "versionInfo");
	json_put(part, "version", AS_VERSION);
	json_put(part, "branch", "headsup");
	json_put(part, "buildDate", "");
	json_put(part, "buildUser", "");
	json_put(part, "goVersion", "");
	json_put(part, "revision", HEADSUP_VERSION);
	api_json(call->answer, 200, json);
}
