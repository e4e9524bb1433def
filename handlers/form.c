#include "handlers/form.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/announcements.h"
#include "handlers/blocks.h"
#include "handlers/card.h"
#include "handlers/claim.h"
#include "handlers/commands_internal.h"
#include "handlers/later.h"
#include "handlers/people.h"
#include "handlers/preview.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define KEY_LEN 32            /* hex digits that tell one opened form from another */
#define CHANNEL_MAX 32
#define VALUE_BYTES_MAX 8192  /* of a field's value as Slack sends it */
#define METADATA_BYTES_MAX 16384
#define OPTIONS_MAX 8
#define TEXT_MAX 3000         /* UTF-16 units of a text object */
#define TERMS_BYTES_MAX 16384
#define ERROR_UNITS 500       /* of a sentence at a field */
#define TITLE_UNITS 200       /* of the alert's title */
#define SUGGESTED_MAX 400     /* bytes of one match that is suggested */

static const char out_of_order[] = "headsup's storage is out of order: nothing was done, try again";

/* What a form is about, and what was filled in. */
struct form {
	char key[KEY_LEN + 1];
	char channel[CHANNEL_MAX]; /* where it was opened; "": nowhere that could be told */
	int64_t alert;             /* that is claimed; 0: none */
	char *match, *lasts, *max, *because;
};

static void form_fini(struct form *form)
{
	free(form->match);
	free(form->lasts);
	free(form->max);
	free(form->because);
	*form = (struct form){.alert = 0};
}

/* ---- what it carries with it ------------------------------------------------------------------------------- */

/* One trigger opens one form: its key tells a second Confirm of the same form from another form's. */
static void derive_key(const char *kind, const char *trigger_id, char out[KEY_LEN + 1])
{
	char *text = xasprintf("%s:%s", kind, trigger_id != NULL ? trigger_id : "");
	char hash[65];

	sha256_hex(text, strlen(text), hash);
	memcpy(out, hash, KEY_LEN);
	out[KEY_LEN] = '\0';
	free(text);
}

static bool is_key(const char *text)
{
	return text != NULL && strnlen(text, KEY_LEN + 1) == KEY_LEN && strspn(text, "0123456789abcdef") == KEY_LEN;
}

static bool is_channel(const char *id)
{
	return id != NULL && strnlen(id, CHANNEL_MAX) < CHANNEL_MAX && slack_is_channel_id(id);
}

/* OBJECT is of the outbox, or came back from Slack: what is not as we write it is not there. False: it has no key. */
static bool form_read_about(struct form *form, const cJSON *object)
{
	const char *key = json_text(object, "key"), *channel = json_text(object, "channel");

	*form = (struct form){.alert = 0};
	if (!is_key(key))
		return false;
	memcpy(form->key, key, sizeof(form->key));
	if (is_channel(channel))
		snprintf(form->channel, sizeof(form->channel), "%s", channel);
	if (!json_int(object, "alert", &form->alert) || form->alert < 0)
		form->alert = 0;
	return true;
}

static cJSON *about_json(const struct form *form)
{
	cJSON *json = cJSON_CreateObject();

	json_put(json, "key", form->key);
	if (form->channel[0] != '\0')
		json_put(json, "channel", form->channel);
	if (form->alert != 0)
		json_put_int(json, "alert", form->alert);
	return json;
}

static char *copy_bounded(const char *text)
{
	return text != NULL && strnlen(text, VALUE_BYTES_MAX + 1) <= VALUE_BYTES_MAX ? xstrdup(text) : NULL;
}

/* The private_metadata of VIEW. False: it is none of ours. */
static bool form_read_metadata(struct form *form, const cJSON *view)
{
	const char *text = json_text(view, "private_metadata");
	size_t len = text != NULL ? strnlen(text, METADATA_BYTES_MAX + 1) : 0;
	cJSON *json = len > 0 && len <= METADATA_BYTES_MAX ? json_parse(text, len, NULL) : NULL;
	bool ok = form_read_about(form, json);

	if (ok) {
		form->match = copy_bounded(json_text(json, FORM_MATCH));
		form->lasts = copy_bounded(json_text(json, FORM_FOR));
		form->max = copy_bounded(json_text(json, FORM_MAX));
		form->because = copy_bounded(json_text(json, FORM_BECAUSE));
	}
	cJSON_Delete(json);
	return ok;
}

/* What the second view has to carry; NULL: more than Slack takes. The caller frees. */
static char *form_metadata(const struct form *form)
{
	cJSON *json = about_json(form);
	char *text;

	json_put(json, FORM_MATCH, form->match);
	json_put(json, FORM_FOR, form->lasts);
	json_put(json, FORM_MAX, form->max);
	json_put(json, FORM_BECAUSE, form->because);
	text = json_write(json);
	cJSON_Delete(json);
	if (utf16_length(text, strlen(text)) <= FORM_METADATA_UNITS)
		return text;
	free(text);
	return NULL;
}

/* ---- what is suggested ------------------------------------------------------------------------------------- */

/* Puts NAME=VALUE so that `expect` reads it as exactly this value; nothing where that cannot be said (a * stands for anything). */
static void suggest(struct buf *out, const struct alert *alert, const char *name, const char *value)
{
	struct match *match;
	struct buf text;

	if (text_is_empty(value) || strpbrk(value, "*?\n\r") != NULL)
		return;
	buf_init(&text, SUGGESTED_MAX);
	buf_printf(&text, "%s=\"", name);
	for (const char *c = value; *c != '\0'; c++) {
		const size_t slashes = strspn(c, "\\");

		/* A backslash stands for itself unless it comes before the quote. */
		for (size_t i = 0; i < (c[slashes] == '"' || c[slashes] == '\0' ? 2 * slashes : slashes); i++)
			buf_putc(&text, '\\');
		c += slashes;
		if (*c == '\0')
			break;
		if (*c == '"')
			buf_putc(&text, '\\');
		buf_putc(&text, *c);
	}
	buf_putc(&text, '"');
	match = buf_ok(&text) ? match_parse(buf_text(&text), NULL) : NULL;
	if (match != NULL && match_holds(match, alert, NULL)) {
		if (out->len > 0)
			buf_putc(out, ' ');
		/* Without quotes where there is no need of them. */
		buf_puts(out, strpbrk(value, " \t,\"'\\=!~<>@") == NULL ? match->source : buf_text(&text));
	}
	match_free(match);
	buf_fini(&text);
}

static void suggest_matches(struct buf *out, const struct alert *alert)
{
	suggest(out, alert, "rule", alert->rule);
	suggest(out, alert, "host", alert->host);
	suggest(out, alert, "actor", alert->actor);
}

/* ---- the first view ---------------------------------------------------------------------------------------- */

static cJSON *modal(const char *callback_id, const char *title, const char *submit, const char *close, const char *metadata)
{
	cJSON *view = cJSON_CreateObject();

	json_put(view, "type", "modal");
	json_put(view, "callback_id", callback_id);
	cJSON_AddItemToObject(view, "title", blocks_plain(title));
	if (submit != NULL)
		cJSON_AddItemToObject(view, "submit", blocks_plain(submit));
	cJSON_AddItemToObject(view, "close", blocks_plain(close));
	if (metadata != NULL)
		json_put(view, "private_metadata", metadata);
	cJSON_AddArrayToObject(view, "blocks");
	return view;
}

static cJSON *blocks_of(cJSON *view)
{
	return cJSON_GetObjectItemCaseSensitive(view, "blocks");
}

/* A section of what TEXT holds, cut to Slack's limit: it is escaped already. */
static void add_text(cJSON *view, const char *id, const struct buf *text)
{
	const char *whole = buf_text(text);
	char *part;

	if (text->len == 0)
		return;
	part = xstrndup(whole, utf16_prefix(whole, strlen(whole), TEXT_MAX));
	blocks_add_section(blocks_of(view), id, part);
	free(part);
}

/* An input block; the element is returned to be filled, and is borrowed. */
static cJSON *add_input(cJSON *view, const char *id, const char *type, const char *label, const char *hint, bool is_optional)
{
	cJSON *block = blocks_add(blocks_of(view), "input", id), *element = cJSON_CreateObject();

	cJSON_AddItemToObject(block, "label", blocks_plain(label));
	if (hint != NULL)
		cJSON_AddItemToObject(block, "hint", blocks_plain(hint));
	cJSON_AddBoolToObject(block, "optional", is_optional);
	json_put(element, "type", type);
	json_put(element, "action_id", id);
	cJSON_AddItemToObject(block, "element", element);
	return element;
}

static void add_text_input(cJSON *view, const char *id, const char *label, const char *hint, const char *placeholder,
    const char *initial, int64_t units, bool is_optional)
{
	cJSON *element = add_input(view, id, "plain_text_input", label, hint, is_optional);

	json_put_int(element, "max_length", units);
	if (placeholder != NULL)
		cJSON_AddItemToObject(element, "placeholder", blocks_plain(placeholder));
	if (!text_is_empty(initial) && utf16_length(initial, strlen(initial)) <= (size_t)units)
		json_put(element, "initial_value", initial);
}

static cJSON *option(int64_t seconds)
{
	cJSON *option = cJSON_CreateObject();
	char text[32];

	duration_write(seconds, text, sizeof(text));
	cJSON_AddItemToObject(option, "text", blocks_plain(text));
	json_put(option, "value", text);
	return option;
}

/* What policy allows; its longest is among them. */
static void add_duration(cJSON *view, const struct desk *desk)
{
	static const int64_t usual[] = {900, 1800, 3600, 7200, 14400};
	const int64_t longest = desk->config->policy.max_duration_s;
	cJSON *element = add_input(view, FORM_FOR, "static_select", "For how long", NULL, false), *options;
	int64_t initial = longest < ANNOUNCE_DEFAULT_S ? longest : ANNOUNCE_DEFAULT_S;
	bool has_longest = false;

	options = cJSON_AddArrayToObject(element, "options");
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]) && usual[i] <= longest; i++) {
		cJSON_AddItemToArray(options, option(usual[i]));
		has_longest = has_longest || usual[i] == longest;
	}
	if (!has_longest)
		cJSON_AddItemToArray(options, option(longest));
	cJSON_AddItemToObject(element, "initial_option", option(initial));
}

static void add_fields(cJSON *view, const struct desk *desk, const char *match, bool is_plain)
{
	char budget[24];

	snprintf(budget, sizeof(budget), "%" PRId64, desk->config->policy.default_budget);
	add_text_input(view, FORM_MATCH, "What will fire",
	    "field=value, as many as you like, and all of them hold: host=web-* rule=\"SSH login\" env!=prod. "
	    "Unless it names an actor it covers only your own logins.",
	    "host=web-* rule=sshd-*", match, FORM_MATCH_UNITS, false);
	add_duration(view, desk);
	add_text_input(view, FORM_MAX, "At most how many alerts", "One more than this, and it ends: alerts fire again.", NULL,
	    is_plain ? NULL : budget, 9, true);
	add_text_input(view, FORM_BECAUSE, "Why", NULL, "deploy 1.2.3", NULL, FORM_BECAUSE_UNITS, false);
}

/* What a claim does, before anything is filled in. */
static void add_claimed(cJSON *view, const struct desk *desk, const struct alert *alert, const char *who)
{
	struct buf text;

	buf_init(&text, TERMS_BYTES_MAX);
	buf_printf(&text, "*A%" PRId64 "* ", alert->id);
	card_put_title(alert, TITLE_UNITS, &text);
	buf_printf(&text, "\nThis announces the rest of your work, and closes A%" PRId64 " as *claimed* (late)", alert->id);
	buf_puts(&text, claim_needs_approval(desk, who, alert) ? " once somebody else has approved it." : ".");
	if (!claim_is_own(desk, who, alert)) {
		buf_puts(&text, "\n:warning: It was done by ");
		buf_put_code(&text, alert->actor, 100);
		buf_puts(&text, ", which is none of your logins as far as is known here: that will be visible to all.");
	}
	add_text(view, "claim", &text);
	buf_fini(&text);
}

cJSON *form_view(const struct desk *desk, const cJSON *opened, bool is_plain)
{
	const char *who = json_text(opened, "user");
	struct alert *alert = NULL;
	struct form form;
	cJSON *about, *view;
	char *metadata;
	struct buf match;

	if (!form_read_about(&form, opened) || who == NULL)
		return NULL;
	about = about_json(&form);
	metadata = json_write(about);
	view = modal(FORM_ANNOUNCE, form.alert != 0 ? "That was me" : "Announce", "Next", "Cancel", metadata);
	buf_init(&match, VALUE_BYTES_MAX);
	if (form.alert != 0)
		alert = storage_alert(desk->storage, form.alert, NULL);
	if (alert != NULL && !is_plain) {
		add_claimed(view, desk, alert, who);
		suggest_matches(&match, alert);
	}
	add_fields(view, desk, buf_text(&match), is_plain);
	buf_fini(&match);
	alert_free(alert);
	cJSON_Delete(about);
	free(metadata);
	form_fini(&form);
	return view;
}

void form_put_typed(const struct desk *desk, const cJSON *opened, struct buf *out)
{
	struct alert *alert = NULL;
	struct form form;
	struct buf typed;

	if (!form_read_about(&form, opened))
		form.alert = 0;
	if (form.alert != 0)
		alert = storage_alert(desk->storage, form.alert, NULL);
	buf_init(&typed, VALUE_BYTES_MAX);
	if (alert != NULL)
		suggest_matches(&typed, alert);
	buf_puts(out, "The form could not be opened in time. Press again, or type it: ");
	if (typed.len > 0 && buf_ok(&typed)) {
		char *whole = xasprintf("%s expect %s for 30m because …", desk->config->slack.command, buf_text(&typed));

		buf_put_code(out, whole, FORM_MATCH_UNITS);
		free(whole);
	} else {
		buf_printf(out, "`%s %s`", desk->config->slack.command, expect_command.example);
	}
	if (form.alert != 0)
		buf_printf(out, ", and `%s resolve A%" PRId64 " because …`", desk->config->slack.command, form.alert);
	buf_fini(&typed);
	alert_free(alert);
	form_fini(&form);
}

/* ---- opening it -------------------------------------------------------------------------------------------- */

static bool is_trigger(const char *id)
{
	size_t len = id != NULL ? strnlen(id, FORM_TRIGGER_MAX + 1) : 0;

	return len > 0 && len <= FORM_TRIGGER_MAX &&
	       strspn(id, "0123456789.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == len;
}

/* Who is not known yet is asked about while they fill it in: announcing itself looks again. */
static bool may_open(struct desk *desk, const struct actor *actor, struct error *err)
{
	struct error why = {0};

	desk->wanted_profile[0] = '\0';
	if (announcement_allowed(desk, actor, &why))
		return true;
	if (why.kind == ERROR_WAIT)
		return say_ask_profile(desk, desk->wanted_profile[0] != '\0' ? desk->wanted_profile : actor->who, NULL, err);
	if (err != NULL)
		*err = why;
	return false;
}

static bool may_claim(struct desk *desk, const struct form_call *call, struct error *err)
{
	struct alert *alert;
	bool ok;

	if (call->alert == 0)
		return true;
	alert = storage_alert(desk->storage, call->alert, err);
	ok = alert != NULL && claim_possible(desk, alert, err);
	alert_free(alert);
	return ok;
}

bool form_open(struct desk *desk, const struct form_call *call, struct error *err)
{
	struct form form = {.alert = call->alert};
	cJSON *opened;

	if (!may_open(desk, &call->actor, err) || !may_claim(desk, call, err))
		return false;
	if (!is_trigger(call->trigger_id))
		return error_set(err, ERROR_USAGE, "Slack gave no way to open a form; try: %s %s", desk->config->slack.command,
		    expect_command.example);
	derive_key("form", call->trigger_id, form.key);
	if (is_channel(call->channel))
		snprintf(form.channel, sizeof(form.channel), "%s", call->channel);
	opened = about_json(&form);
	json_put(opened, "user", call->actor.who);
	json_put(opened, "trigger_id", call->trigger_id);
	if (call->response_url != NULL)
		json_put(opened, "response_url", call->response_url);
	if (call->thread_ts != NULL)
		json_put(opened, "thread_ts", call->thread_ts);
	return say_form(desk, call->actor.who, opened, err);
}

/* ---- what was filled in ------------------------------------------------------------------------------------ */

/* A text, or what was chosen: state.values[block][action]. NULL: nothing. */
static const char *state_value(const cJSON *view, const char *id)
{
	const cJSON *state = json_get(json_get(json_get(json_get(view, "state"), "values"), id), id);
	const cJSON *chosen = json_get(state, "selected_option");

	return json_text(cJSON_IsObject(chosen) ? chosen : state, "value");
}

/* TEXT as it was meant on the keyboard: a form escapes nothing, but phones write curly quotes here too. The caller frees. */
static char *typed(const char *text)
{
	struct buf escaped;
	char *plain;

	buf_init(&escaped, 5 * VALUE_BYTES_MAX);
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '&')
			buf_puts(&escaped, "&amp;");
		else if (*c == '<')
			buf_puts(&escaped, "&lt;");
		else if (*c == '>')
			buf_puts(&escaped, "&gt;");
		else
			buf_putc(&escaped, *c);
	}
	plain = slack_plain(buf_text(&escaped), COMMAND_TEXT_MAX);
	buf_fini(&escaped);
	return plain;
}

/* A form, read as `expect` would be. */
struct asking {
	struct announce_request request;
	char *match[MATCH_MAX];
	enum announce_part wrong;
	cJSON *errors; /* by field; NULL: none */
};

static void complain(struct asking *asking, const char *field, const struct error *err)
{
	struct buf text;

	if (asking->errors == NULL)
		asking->errors = cJSON_CreateObject();
	if (json_get(asking->errors, field) != NULL)
		return;
	buf_init(&text, 8 * sizeof(err->text));
	buf_put_plain(&text, err->text[0] != '\0' ? err->text : "that cannot be done now", ERROR_UNITS);
	json_put(asking->errors, field, buf_text(&text));
	buf_fini(&text);
}

static bool read_matches(const struct desk *desk, struct asking *asking, const char *text, struct error *err)
{
	char *plain = typed(text != NULL ? text : "");
	struct words words;
	bool ok = words_split(plain, &words, err);

	if (ok) {
		ok = words_closed(&words, err);
		while (ok && words_peek(&words) != NULL)
			ok = command_read_match(desk, &words, asking->match, &asking->request.match_count, err);
		words_fini(&words);
	}
	free(plain);
	return ok;
}

static bool read_duration(struct asking *asking, const char *text, struct error *err)
{
	if (text == NULL)
		return error_set(err, ERROR_USAGE, "say for how long");
	return duration_parse(text, &asking->request.for_s, err) &&
	       (asking->request.for_s > 0 || error_set(err, ERROR_USAGE, "for no time at all? try 30m"));
}

/* Left empty: the policy's. */
static bool read_max(struct asking *asking, const char *text, struct error *err)
{
	const size_t blanks = text != NULL ? strspn(text, " \t") : 0;
	const size_t digits = text != NULL ? strspn(text + blanks, "0123456789") : 0;
	const char *rest = text != NULL ? text + blanks + digits : "";

	if (text == NULL || text[blanks] == '\0')
		return true;
	if (digits > 0 && digits <= 9 && rest[strspn(rest, " \t")] == '\0')
		asking->request.max = strtoll(text + blanks, NULL, 10);
	return asking->request.max > 0 ||
	       error_set(err, ERROR_USAGE, "a number of alerts from 1 to %d; try 4", ANNOUNCE_BUDGET_MAX);
}

/* Reads all fields, so that all mistakes are shown at once. */
static void asking_init(struct asking *asking, const struct desk *desk, const struct actor *actor, const struct form *form)
{
	struct error err = {0};

	*asking = (struct asking){.request = {.from = TIME_NONE, .until = TIME_NONE, .author = actor->who}};
	asking->request.match = asking->match;
	asking->request.wrong = &asking->wrong;
	asking->request.idempotency_key = form->key;
	asking->request.because = form->because;
	/* A direct message is no place for what is public. */
	asking->request.channel = form->channel[0] != '\0' && form->channel[0] != 'D' ? form->channel : NULL;
	if (!read_matches(desk, asking, form->match, &err))
		complain(asking, FORM_MATCH, &err);
	error_clear(&err);
	if (!read_duration(asking, form->lasts, &err))
		complain(asking, FORM_FOR, &err);
	error_clear(&err);
	if (!read_max(asking, form->max, &err))
		complain(asking, FORM_MAX, &err);
	error_clear(&err);
	if (text_shows_nothing(form->because)) {
		error_set(&err, ERROR_REFUSED, "an announcement needs a reason");
		complain(asking, FORM_BECAUSE, &err);
	}
}

static void asking_fini(struct asking *asking)
{
	for (size_t i = 0; i < asking->request.match_count; i++)
		free(asking->match[i]);
	cJSON_Delete(asking->errors);
}

/* Announces, or claims, or would. What was refused is complained of at its field. False: storage failed. */
static bool ask(struct desk *desk, const struct actor *actor, const struct form *form, struct asking *asking,
    struct announcement **made, struct error *err)
{
	static const char *const fields[] = {[ANNOUNCE_MATCH] = FORM_MATCH,
	    [ANNOUNCE_WINDOW] = FORM_FOR,
	    [ANNOUNCE_BUDGET] = FORM_MAX,
	    [ANNOUNCE_REASON] = FORM_BECAUSE};
	struct error why = {0};
	bool is_again, ok;

	desk->wanted_profile[0] = '\0';
	asking->wrong = ANNOUNCE_MATCH;
	ok = form->alert != 0 ? alert_claim(desk, actor, form->alert, &asking->request, made, &is_again, &why)
			      : announce(desk, actor, &asking->request, made, &is_again, &why);
	if (ok)
		return true;
	if (why.kind == ERROR_IO || why.kind == ERROR_NEWER) {
		if (err != NULL)
			*err = why;
		return false;
	}
	complain(asking, fields[asking->wrong], &why);
	return why.kind != ERROR_WAIT ||
	       say_ask_profile(desk, desk->wanted_profile[0] != '\0' ? desk->wanted_profile : actor->who, NULL, err);
}

/* ---- what it will do --------------------------------------------------------------------------------------- */

/* Carries on after the first view: the second, drawn when it is known what was. */
struct showing {
	struct form form;
	char *who, *zone;
	char external_id[KEY_LEN + 1];
	struct later *later;
	bool is_in_call;
};

static void put_claim_terms(const struct desk *desk, const struct form *form, const char *who, struct buf *text)
{
	struct alert *alert = form->alert != 0 ? storage_alert(desk->storage, form->alert, NULL) : NULL;

	if (alert == NULL)
		return;
	if (claim_needs_approval(desk, who, alert))
		buf_printf(text, "\nA%" PRId64 " stays %s until somebody else has approved it; then it is closed as claimed (late).",
		    alert->id, alert_status_name(alert->status));
	else
		buf_printf(text, "\nA%" PRId64 " is closed as claimed (late).", alert->id);
	alert_free(alert);
}

/* PREVIEW NULL: it is being counted. */
static cJSON *confirm_view(const struct desk *desk, const struct showing *showing, const struct announcement *made,
    const struct preview *preview)
{
	char *metadata = form_metadata(&showing->form);
	cJSON *view = modal(FORM_CONFIRM, "Is this what you mean?", "Announce", "Back", metadata);
	struct buf text;

	json_put(view, "external_id", showing->external_id);
	buf_init(&text, TERMS_BYTES_MAX);
	buf_puts(&text, "It would be ");
	command_put_terms(desk, made, showing->zone, &text);
	put_claim_terms(desk, &showing->form, showing->who, &text);
	add_text(view, "terms", &text);
	buf_reset(&text);
	if (preview != NULL)
		preview_put(preview, &text);
	else
		buf_printf(&text, "What it would have covered in the last %d days is being counted…", PREVIEW_DAYS);
	add_text(view, "preview", &text);
	buf_fini(&text);
	free(metadata);
	return view;
}

static cJSON *answer_view(const char *action, cJSON *view)
{
	cJSON *answer = cJSON_CreateObject();

	json_put(answer, "response_action", action);
	cJSON_AddItemToObject(answer, "view", view);
	return answer;
}

static cJSON *answer_errors(cJSON *errors)
{
	cJSON *answer = cJSON_CreateObject();

	json_put(answer, "response_action", "errors");
	cJSON_AddItemToObject(answer, "errors", errors);
	return answer;
}

static void showing_free(void *ctx)
{
	struct showing *showing = ctx;

	later_end(showing->later, NULL);
	later_drop(showing->later);
	form_fini(&showing->form);
	free(showing->who);
	free(showing->zone);
	free(showing);
}

/* It is known what it would have covered: in the answer where that still waits, else in the view that stands there. */
static bool show_preview(struct desk *desk, void *ctx, const struct announcement *announcement, const struct preview *preview,
    struct error *err)
{
	struct showing *showing = ctx;
	cJSON *view;

	if (showing->later->is_over)
		return true; /* it was refused after all */
	view = confirm_view(desk, showing, announcement, preview);
	if (showing->is_in_call || later_is_awaited(showing->later)) {
		later_end(showing->later, answer_view("push", view));
		return true;
	}
	return say_view(desk, showing->who, showing->external_id, view, err);
}

static struct showing *showing_new(
    const struct desk *desk, const struct actor *actor, const struct form *form, const char *trigger_id)
{
	struct showing *showing = xcalloc(1, sizeof(*showing));
	struct profile profile = {.slack = NULL};

	showing->form = *form;
	showing->form.match = xstrdup(form->match);
	showing->form.lasts = xstrdup(form->lasts);
	showing->form.max = xstrdup(form->max);
	showing->form.because = xstrdup(form->because);
	showing->who = xstrdup(actor->who);
	if (storage_profile(desk->storage, actor->who, &profile))
		showing->zone = xstrdup(profile.timezone);
	if (showing->zone == NULL)
		showing->zone = xstrdup("UTC");
	profile_fini(&profile);
	derive_key("confirm", trigger_id != NULL ? trigger_id : form->key, showing->external_id);
	showing->later = later_new();
	showing->is_in_call = true;
	return showing;
}

/* The form was sent, and reads well: *ANSWER shows what it would do, or what is wrong with it. */
static bool show(struct desk *desk, const struct actor *actor, const struct form *form, const char *trigger_id,
    struct asking *asking, cJSON **answer, struct error *err)
{
	struct showing *showing = showing_new(desk, actor, form, trigger_id);
	struct later *later = later_hold(showing->later);
	const struct preview_wish wish = {.done = show_preview, .free = showing_free, .ctx = showing};
	struct announcement *made = NULL;
	bool ok;

	asking->request.is_dry = true;
	asking->request.preview = &wish;
	ok = ask(desk, actor, form, asking, &made, err);
	/* SHOWING is the wish's: where it is over, it may be gone. */
	if (ok && asking->errors == NULL && later->answer != NULL) {
		*answer = cJSON_Duplicate(later->answer, true);
	} else if (ok && asking->errors == NULL && !later->is_over) {
		showing->is_in_call = false;
		*answer = answer_view("push", confirm_view(desk, showing, made, NULL));
		later_drop(desk_take_later(desk));
		desk->later = later_hold(later);
	} else {
		later_end(later, NULL);
	}
	later_drop(later);
	announcement_free(made);
	return ok;
}

static bool submit_form(struct desk *desk, const struct actor *actor, struct form *form, const cJSON *view,
    const char *trigger_id, cJSON **answer, struct error *err)
{
	struct asking asking;
	struct error why = {0};
	char *metadata;
	bool ok = true;

	free(form->match);
	free(form->lasts);
	free(form->max);
	free(form->because);
	form->match = copy_bounded(state_value(view, FORM_MATCH));
	form->lasts = copy_bounded(state_value(view, FORM_FOR));
	form->max = copy_bounded(state_value(view, FORM_MAX));
	form->because = copy_bounded(state_value(view, FORM_BECAUSE));
	asking_init(&asking, desk, actor, form);
	metadata = form_metadata(form);
	if (metadata == NULL) {
		error_set(&why, ERROR_TOO_LONG, "that is too long for a form; try it typed: %s expect MATCH… because REASON",
		    desk->config->slack.command);
		complain(&asking, FORM_MATCH, &why);
	}
	free(metadata);
	if (asking.errors == NULL)
		ok = show(desk, actor, form, trigger_id, &asking, answer, err);
	if (ok && *answer == NULL && asking.errors != NULL) {
		*answer = answer_errors(asking.errors);
		asking.errors = NULL;
	}
	asking_fini(&asking);
	return ok;
}

/* ---- it is done -------------------------------------------------------------------------------------------- */

/* A view with nothing but a sentence, in the place of the one that was confirmed; Back leads to the form. */
static cJSON *refused_view(const char *plain)
{
	cJSON *view = modal("announce_refused", "Not announced", NULL, "Back", NULL);
	struct buf text;

	buf_init(&text, TERMS_BYTES_MAX);
	buf_puts(&text, ":warning: ");
	buf_put_mrkdwn(&text, plain, ERROR_UNITS);
	add_text(view, "refusal", &text);
	buf_fini(&text);
	return answer_view("update", view);
}

static const char *first_error(const struct asking *asking)
{
	const cJSON *first = asking->errors != NULL ? asking->errors->child : NULL;

	return cJSON_IsString(first) ? first->valuestring : "that cannot be done now";
}

/* Naming the ids that it touched, to who confirmed it alone. */
static bool say_made(struct desk *desk, const struct actor *actor, const struct form *form, const struct announcement *made,
    struct error *err)
{
	struct alert *alert = form->alert != 0 ? storage_alert(desk->storage, form->alert, NULL) : NULL;
	struct profile profile = {.slack = NULL};
	struct buf text;
	bool ok;

	if (!storage_profile(desk->storage, actor->who, &profile))
		profile.timezone = NULL;
	buf_init(&text, TERMS_BYTES_MAX);
	buf_printf(&text, "*H%" PRId64 "* is ", made->id);
	command_put_terms(desk, made, profile.timezone != NULL ? profile.timezone : "UTC", &text);
	if (alert != NULL)
		buf_printf(&text, "\nA%" PRId64 " is %s%s.", alert->id, alert_status_name(alert->status),
		    alert->status == ALERT_CLAIMED ? " (late)" : " until it is approved");
	if (form->channel[0] == 'C' || form->channel[0] == 'G')
		ok = say_to_person(desk, NULL, form->channel, actor->who, NULL, buf_text(&text), err);
	else
		ok = say_reply(desk, form->channel[0] != '\0' ? form->channel : actor->who, NULL, buf_text(&text), err);
	buf_fini(&text);
	profile_fini(&profile);
	alert_free(alert);
	return ok;
}

/* All that the first view was sent with is looked at again. A second Confirm of the same form finds what the first one made. */
static bool submit_confirmed(
    struct desk *desk, const struct actor *actor, const struct form *form, cJSON **answer, struct error *err)
{
	struct announcement *made = NULL;
	struct asking asking;
	bool ok = true;

	asking_init(&asking, desk, actor, form);
	made = asking.errors == NULL ? announcement_made_before(desk, actor, &asking.request) : NULL;
	if (asking.errors == NULL && made == NULL) {
		ok = ask(desk, actor, form, &asking, &made, err);
		ok = ok && (made == NULL || say_made(desk, actor, form, made, err));
	}
	if (ok && made != NULL) {
		*answer = cJSON_CreateObject();
		json_put(*answer, "response_action", "clear");
	} else if (ok) {
		*answer = refused_view(first_error(&asking));
	}
	announcement_free(made);
	asking_fini(&asking);
	return ok;
}

/* ---- the door ---------------------------------------------------------------------------------------------- */

static bool is_callback(const cJSON *view, const char *id)
{
	return text_equal(json_text(view, "callback_id"), id);
}

bool form_is_ours(const cJSON *view)
{
	return is_callback(view, FORM_ANNOUNCE) || is_callback(view, FORM_CONFIRM);
}

bool form_submit(struct desk *desk, const struct actor *actor, const cJSON *view, const char *trigger_id, cJSON **answer,
    struct error *err)
{
	struct actor here = *actor;
	struct form form;
	bool ok;

	if (!form_read_metadata(&form, view)) {
		log_warn("a form came that is none of ours by=%s", actor->who);
		form_fini(&form);
		*answer = refused_view("this form cannot be read any more; open it anew");
		return true;
	}
	here.from = form.channel[0] != '\0' ? form.channel : actor->from;
	desk->counts.presses++;
	ok = is_callback(view, FORM_CONFIRM) ? submit_confirmed(desk, &here, &form, answer, err)
					     : submit_form(desk, &here, &form, view, trigger_id, answer, err);
	form_fini(&form);
	return ok;
}

cJSON *form_unstored(const cJSON *view)
{
	cJSON *errors;

	if (!is_callback(view, FORM_ANNOUNCE))
		return refused_view(out_of_order);
	errors = cJSON_CreateObject();
	json_put(errors, FORM_MATCH, out_of_order);
	return answer_errors(errors);
}
