/* announce - what people and tools do with announcements: the guard rails, the budget, begin and end. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/announcements_internal.h"
#include "handlers/claim.h"
#include "handlers/pagerduty/changes.h"
#include "handlers/pagerduty/oncall.h"
#include "handlers/people.h"
#include "handlers/preview.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define FORM_MAX 500         /* bytes of a suggested form; a longer one is put in general words */
#define WHY_MAX 200          /* bytes of over_why */
#define LINE_MATCH_UNITS 200 /* of one match in a list */
#define LINE_REASON_UNITS 300
#define HOURS_STEP_S 300         /* how densely a window is compared with the working hours */
#define HOURS_WINDOW_MAX_S 86400 /* a longer one is outside of them in any case */
#define TEXT_MAX_BYTES 8000      /* of what is said in a thread */

static const struct actor headsup = {.who = "headsup", .via = "headsup"};

void announcement_subject(int64_t id, char out[24])
{
	snprintf(out, 24, "H%" PRId64, id);
}

/* ---- forms that would be allowed ------------------------------------------------------------------------- */

void buf_put_typed_match(struct buf *buf, const char *match)
{
	const bool is_quoted = strpbrk(match, " \t'") != NULL && strchr(match, '"') == NULL;

	if (is_quoted)
		buf_putc(buf, '"');
	buf_puts(buf, match);
	if (is_quoted)
		buf_putc(buf, '"');
}

/* "expect host=web-* for 4h max 4 because deploy": what REQUEST asked for, with other figures (0: left out). */
static char *form(const struct matches *matches, const struct announce_request *request,
    int64_t for_s, int64_t max)
{
	struct buf buf;
	char duration[32];
	char *text;

	buf_init(&buf, FORM_MAX);
	buf_puts(&buf, "expect");
	for (size_t i = 0; i < matches->count; i++) {
		buf_putc(&buf, ' ');
		buf_put_typed_match(&buf, matches->list[i]->source);
	}
	if (matches->count == 0)
		buf_puts(&buf, " host=web-*");
	if (for_s > 0) {
		duration_write(for_s, duration, sizeof(duration));
		buf_printf(&buf, " for %s", duration);
	}
	if (max > 0)
		buf_printf(&buf, " max %" PRId64, max);
	buf_printf(
	    &buf, " because %s", text_is_empty(request->because) ? "deploy" : request->because);
	text = buf_ok(&buf) ? buf_take(&buf) : xstrdup("expect MATCH… for 30m because REASON");
	buf_fini(&buf);
	return text;
}

/* ---- who may ---------------------------------------------------------------------------------------------- */

bool announcement_allowed(struct desk *desk, const struct actor *actor, struct error *err)
{
	if (actor->is_token && (actor->may & (MAY_ANNOUNCE | MAY_ANNOUNCE_FOR)) == 0)
		return error_set(err, ERROR_FORBIDDEN,
		    "the token %s may not announce; its may: needs announce", actor->who);
	if (!actor->is_token && !desk_allows(desk, desk->config->policy.announcers, actor))
		return error_set(err, ERROR_FORBIDDEN,
		    "only announcers may announce (policy.announcers); ask one of them");
	return person_may_decide(desk, actor, false, err);
}

static bool find_author(const struct desk *desk, const struct actor *actor,
    const struct announce_request *request, const char **author, struct error *err)
{
	const struct person_config *person;

	*author = actor->who;
	if (request->author == NULL || text_equal(request->author, actor->who) ||
	    !actor->is_token || (actor->may & MAY_ANNOUNCE_FOR) == 0)
		return true;
	person = config_person(desk->config, request->author);
	if (person == NULL)
		return error_set(err, ERROR_REFUSED,
		    "nobody is known as %.200s; name a Slack id, e-mail or login of the "
		    "configuration's people",
		    request->author);
	*author = person->slack != NULL ? person->slack : person->email;
	if (*author == NULL)
		*author = request->author;
	return true;
}

/* MAKES_LONGER: what makes a suppression last is for announcers; responders may always end one. */
static bool may_change(struct desk *desk, const struct actor *actor,
    const struct announcement *announcement, bool makes_longer, struct error *err)
{
	const struct policy *policy = &desk->config->policy;
	const bool is_author = text_equal(announcement->author, actor->who);

	if (actor->is_token) {
		if ((actor->may & MAY_ANNOUNCE_FOR) != 0 ||
		    ((actor->may & MAY_ANNOUNCE) != 0 && is_author))
			return true;
		return error_set(err, ERROR_FORBIDDEN,
		    "the token %s may change only what it announced", actor->who);
	}
	if (desk_allows(desk, policy->announcers, actor))
		return !makes_longer || person_may_decide(desk, actor, false, err);
	if (!makes_longer && (is_author || desk_allows(desk, policy->responders, actor)))
		return true;
	return error_set(err, ERROR_FORBIDDEN,
	    "only announcers may change H%" PRId64 " (policy.announcers); ask one of them",
	    announcement->id);
}

/* ---- guard rails ------------------------------------------------------------------------------------------ */

/* What a request comes to. */
struct plan {
	const struct announce_request *request;
	const struct actor *actor;
	const char *author;
	struct matches matches;
	int64_t starts_at, ends_at, max;
	bool needs_approval;
	bool is_on_call; /* the hour is odd, and that asks for no approval: its author is on call */
};

/* What follows is about PART of the request. */
static void looks_at(const struct plan *plan, enum announce_part part)
{
	if (plan->request->wrong != NULL)
		*plan->request->wrong = part;
}

static bool check_reason(const struct plan *plan, struct error *err)
{
	const char *because = plan->request->because;
	char *try;

	looks_at(plan, ANNOUNCE_REASON);
	if (because != NULL && strlen(because) > ANNOUNCE_REASON_MAX)
		return error_set(
		    err, ERROR_USAGE, "a reason has at most %d bytes", ANNOUNCE_REASON_MAX);
	if (!text_shows_nothing(because))
		return true;
	try = form(&plan->matches, &(struct announce_request){0}, 0, 0);
	error_set(err, ERROR_REFUSED, "an announcement needs a reason; try: %s", try);
	free(try);
	return false;
}

static bool check_matches(const struct desk *desk, const struct plan *plan, struct error *err)
{
	const int64_t wanted = desk->config->policy.min_matchers;
	int64_t specific = 0;

	looks_at(plan, ANNOUNCE_MATCH);
	for (size_t i = 0; i < plan->matches.count; i++)
		specific += match_is_specific(plan->matches.list[i]) ? 1 : 0;
	if (specific == 0)
		return error_set(err, ERROR_REFUSED,
		    "an announcement needs at least one match that says what it is about and is "
		    "not * alone; "
		    "try: expect host=web-* because deploy");
	if (specific < wanted)
		return error_set(err, ERROR_REFUSED,
		    "policy asks for at least %" PRId64
		    " matches that say what it is about (host=…, rule=…), this has %" PRId64
		    "; try: expect host=web-* rule=sshd-* because deploy",
		    wanted, specific);
	return true;
}

static bool find_window(const struct desk *desk, struct plan *plan, struct error *err)
{
	const struct announce_request *request = plan->request;
	const int64_t longest = desk->config->policy.max_duration_s, now = desk->now;
	const bool is_lease = request->lease_s != 0; /* its job ends it: the window is only its bound */
	const int64_t usual =
	    is_lease || longest < ANNOUNCE_DEFAULT_S ? longest : ANNOUNCE_DEFAULT_S;
	const int64_t from = request->from == TIME_NONE ? now : request->from;
	char duration[32];
	char *try;

	looks_at(plan, ANNOUNCE_WINDOW);
	if (request->for_s < 0 || request->for_s > DURATION_MAX_S)
		return error_set(err, ERROR_USAGE, "that is no duration; try 30m or 1h30m");
	if (request->until != TIME_NONE && request->for_s > 0)
		return error_set(
		    err, ERROR_USAGE, "say how long or until when, not both; try for 30m");
	if (from > now + ANNOUNCE_AHEAD_MAX_S)
		return error_set(err, ERROR_REFUSED,
		    "an announcement may begin at most %d days ahead",
		    ANNOUNCE_AHEAD_MAX_S / 86400);
	if (from < now - ANNOUNCE_AHEAD_MAX_S)
		return error_set(
		    err, ERROR_USAGE, "that begins too long ago; leave it out to begin now");
	if (is_lease && from > now)
		return error_set(err, ERROR_USAGE, "a lease begins at once; leave out from");
	plan->starts_at = from > now ? from : now;
	plan->ends_at = request->until != TIME_NONE
			    ? request->until
			    : from + (request->for_s > 0 ? request->for_s : usual);
	if (plan->ends_at <= plan->starts_at)
		return error_set(err, ERROR_USAGE,
		    "that window ends before it begins, or is over already; try for 30m");
	if (plan->ends_at - plan->starts_at <= longest)
		return true;
	try = form(&plan->matches, request, longest, request->max);
	duration_write(longest, duration, sizeof(duration));
	error_set(err, ERROR_REFUSED, "at most %s at a time; try: %s", duration, try);
	free(try);
	return false;
}

static bool check_lease(int64_t lease_s, struct error *err)
{
	if (lease_s >= LEASE_MIN_S && lease_s <= LEASE_MAX_S)
		return true;
	return error_set(err, ERROR_USAGE, "a lease lasts from %ds to %dm; try 20s", LEASE_MIN_S,
	    LEASE_MAX_S / 60);
}

static bool find_budget(const struct desk *desk, struct plan *plan, struct error *err)
{
	char *try;

	looks_at(plan, ANNOUNCE_BUDGET);
	plan->max =
	    plan->request->max != 0 ? plan->request->max : desk->config->policy.default_budget;
	if (plan->max >= 1 && plan->max <= ANNOUNCE_BUDGET_MAX)
		return true;
	try = form(&plan->matches, plan->request, plan->request->for_s,
	    plan->max < 1 ? 1 : ANNOUNCE_BUDGET_MAX);
	error_set(err, ERROR_REFUSED, "max is a number of alerts from 1 to %d; try: %s",
	    ANNOUNCE_BUDGET_MAX, try);
	free(try);
	return false;
}

static bool is_in_working_hours(const struct desk *desk, const struct plan *plan)
{
	if (plan->ends_at - plan->starts_at > HOURS_WINDOW_MAX_S)
		return false;
	for (int64_t at = plan->starts_at; at < plan->ends_at; at += HOURS_STEP_S) {
		if (!config_working_hour(desk->config, at))
			return false;
	}
	return config_working_hour(desk->config, plan->ends_at - 1);
}

/*
 * Outside of working hours, and nobody on call says it. Who is on call vouches for what they announce themselves: not for what a
 * token says in their name, nor for what others make of it.
 */
static bool is_odd(struct desk *desk, struct plan *plan)
{
	plan->is_on_call = false;
	if (config_working_hour(desk->config, desk->now) || is_in_working_hours(desk, plan))
		return false;
	plan->is_on_call = !plan->actor->is_token && text_equal(plan->actor->who, plan->author) &&
			   oncall_has(desk, plan->author);
	return !plan->is_on_call;
}

/* Do the matches let through only severities that need an approval? */
static bool demands_severity(const struct plan *plan, enum severity from)
{
	bool names_severity = false, fits = true;
	struct alert alert;

	alert_init(&alert);
	for (int severity = SEVERITY_INFO; severity < (int)from; severity++) {
		alert.severity = (enum severity)severity;
		fits = true;
		for (size_t i = 0; i < plan->matches.count; i++) {
			const struct match *match = plan->matches.list[i];

			if (match->field == NULL || match->field->kind != FIELD_SEVERITY)
				continue;
			names_severity = true;
			fits = fits && match_holds(match, &alert, NULL);
		}
		if (fits)
			break;
	}
	alert_fini(&alert);
	return names_severity && !fits;
}

static bool read_matches(const struct desk *desk, struct plan *plan, struct error *err)
{
	const struct announce_request *request = plan->request;

	looks_at(plan, ANNOUNCE_MATCH);
	if (request->match_count == 0)
		return error_set(err, ERROR_REFUSED,
		    "say what to expect: at least one MATCH; try: expect host=web-* because "
		    "deploy");
	if (request->match_count > MATCH_MAX)
		return error_set(
		    err, ERROR_USAGE, "at most %d matches in one announcement", MATCH_MAX);
	return matches_parse(request->match, request->match_count, &plan->matches, err) &&
	       check_reason(plan, err) && check_matches(desk, plan, err);
}

/* At odd hours, and where its matches let through only what asks for one anyway. */
static bool needs_approval(struct desk *desk, struct plan *plan)
{
	return is_odd(desk, plan) || demands_severity(plan, desk->config->policy.approval_from);
}

static bool make_plan(struct desk *desk, struct plan *plan, struct error *err)
{
	const struct announce_request *request = plan->request;

	if (!read_matches(desk, plan, err) || !find_window(desk, plan, err) ||
	    !find_budget(desk, plan, err) ||
	    (request->lease_s != 0 && !check_lease(request->lease_s, err)))
		return false;
	looks_at(plan, ANNOUNCE_MATCH);
	if (announcements_count(desk->announcements) >= ANNOUNCEMENTS_STANDING_MAX)
		return error_set(err, ERROR_REFUSED,
		    "%d announcements stand already; end some first", ANNOUNCEMENTS_STANDING_MAX);
	plan->needs_approval = needs_approval(desk, plan) || request->asks_approval;
	return true;
}

/* ---- announcing ------------------------------------------------------------------------------------------- */

/* The channel of the route that the matches would take, else the last route's. */
static const char *find_channel(const struct desk *desk, const struct matches *matches)
{
	const struct config *config = desk->config;
	const char *channel =
	    config->route_count > 0 ? config->routes[config->route_count - 1].channel : NULL;
	struct alert alert;

	alert_init(&alert);
	alert_imagine(matches, &alert);
	for (size_t i = 0; i < config->route_count; i++) {
		if (matches_hold(&config->routes[i].matches, &alert)) {
			channel = config->routes[i].channel;
			break;
		}
	}
	alert_fini(&alert);
	return channel;
}

static struct announcement *make(
    const struct desk *desk, const struct actor *actor, const struct plan *plan, const char *key)
{
	const struct announce_request *request = plan->request;
	const char *channel =
	    request->channel != NULL ? request->channel : find_channel(desk, &plan->matches);
	const size_t blanks = strspn(request->because, " \t\r\n");
	struct announcement *made = xcalloc(1, sizeof(*made));

	made->author = xstrdup(plan->author);
	made->via = xstrdup(actor->via);
	made->match_count = plan->matches.count;
	made->match = xcalloc(made->match_count + 1, sizeof(*made->match));
	for (size_t i = 0; i < made->match_count; i++)
		made->match[i] = xstrdup(plan->matches.list[i]->source);
	made->created_at = desk->now;
	made->starts_at = plan->starts_at;
	made->ends_at = plan->ends_at;
	made->state = ANNOUNCEMENT_STANDS;
	made->over_at = made->approved_at = TIME_NONE;
	made->lease_until = request->lease_s > 0 ? desk->now + request->lease_s : TIME_NONE;
	made->needs_approval = plan->needs_approval;
	made->because = xstrdup(request->because + blanks);
	made->max = plan->max;
	made->channel = xstrdup(channel);
	made->idempotency_key = xstrdup(key);
	made->version = 1;
	made->edition = 1;
	made->asked_at = desk->now;
	return made;
}

static char *write_detail(const struct announcement *announcement, bool is_on_call)
{
	cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "match");
	char *text;

	for (size_t i = 0; i < announcement->match_count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(announcement->match[i]));
	json_put(json, "author", announcement->author);
	json_put_time(json, "starts_at", announcement->starts_at);
	json_put_time(json, "ends_at", announcement->ends_at);
	json_put_int(json, "max", announcement->max);
	if (announcement->lease_until != TIME_NONE)
		json_put_int(json, "lease_s", announcement->lease_until - announcement->created_at);
	json_put(json, "because", announcement->because);
	cJSON_AddBoolToObject(json, "needs_approval", announcement->needs_approval);
	if (is_on_call)
		cJSON_AddBoolToObject(json, "author_on_call", true);
	text = json_write(json);
	cJSON_Delete(json);
	return text;
}

char *announcement_detail(const struct announcement *announcement)
{
	return write_detail(announcement, false);
}

/* Everybody sees why nobody else was asked. */
static bool say_on_call(struct desk *desk, const struct announcement *announcement,
    const struct plan *plan, struct error *err)
{
	char subject[24];
	struct buf line;
	bool ok;

	if (!plan->is_on_call || announcement->needs_approval)
		return true;
	announcement_subject(announcement->id, subject);
	buf_init(&line, TEXT_MAX_BYTES);
	buf_puts(&line, "Outside of working hours, and without an approval: ");
	buf_put_person(&line, desk->config, plan->author);
	buf_puts(&line, " is on call.");
	ok = say_in_thread(desk, subject, announcement->channel, buf_text(&line), false, err);
	buf_fini(&line);
	return ok;
}

static bool keep(struct desk *desk, const struct actor *actor, const struct plan *plan,
    struct announcement *made, struct error *err)
{
	char subject[24];
	char *detail = write_detail(made, plan->is_on_call);
	bool ok = storage_add_announcement(desk->storage, made, err);

	announcement_subject(made->id, subject);
	ok = ok && desk_audit(desk, actor, "announced", subject, detail, err) &&
	     announcements_put(desk, made, err) && say_announcement(desk, made, err) &&
	     say_on_call(desk, made, plan, err) && change_say(desk, made, err);
	free(detail);
	if (ok)
		log_info("%s announced by=%s via=%s max=%" PRId64, subject, made->author,
		    actor->via, made->max);
	return ok;
}

static bool try_announce(struct desk *desk, const struct actor *actor, struct plan *plan,
    const char *key, struct announcement **made, struct error *err)
{
	if (!make_plan(desk, plan, err))
		return false;
	*made = make(desk, actor, plan, key);
	if (plan->request->is_dry || keep(desk, actor, plan, *made, err))
		return true;
	announcement_free(*made);
	*made = NULL;
	return false;
}

bool announcement_refused(struct desk *desk, const struct actor *actor, int64_t id, struct error *err)
{
	struct error trouble;
	char subject[24] = "";

	if (id != 0)
		announcement_subject(id, subject);
	if ((err->kind != ERROR_REFUSED && err->kind != ERROR_FORBIDDEN))
		return false;
	if (!desk_audit(desk, actor, "refused", subject, err->text, &trouble))
		*err = trouble;
	return false;
}

/* The key under which REQUEST's is kept, so that two tokens' do not meet; NULL for none. The caller frees. */
static char *kept_key(const struct actor *actor, const struct announce_request *request)
{
	return text_is_empty(request->idempotency_key)
		   ? NULL
		   : xasprintf("%s/%s", actor->who, request->idempotency_key);
}

struct announcement *announcement_made_before(const struct desk *desk, const struct actor *actor,
    const struct announce_request *request)
{
	char *key = kept_key(actor, request);
	struct announcement *made =
	    key != NULL ? storage_announcement_by_key(desk->storage, actor->who, key) : NULL;

	free(key);
	return made;
}

static bool look_back(struct desk *desk, const struct announce_request *request,
    struct announcement **made, struct error *err)
{
	if ((request->is_dry && request->preview == NULL) ||
	    preview_start(desk, *made, request->preview, err))
		return true;
	announcement_free(*made);
	*made = NULL;
	return false;
}

bool announce(struct desk *desk, const struct actor *actor, const struct announce_request *request,
    struct announcement **made, bool *is_again, struct error *err)
{
	struct plan plan = {.request = request, .actor = actor};
	struct error own;
	char *key = kept_key(actor, request);
	bool ok;

	*made = NULL;
	*is_again = false;
	err = err != NULL ? err : &own;
	error_clear(err);
	ok = announcement_allowed(desk, actor, err) && find_author(desk, actor, request, &plan.author, err);
	if (ok && key != NULL && strlen(request->idempotency_key) > ANNOUNCE_KEY_MAX)
		ok = error_set(
		    err, ERROR_USAGE, "an idempotency key has at most %d bytes", ANNOUNCE_KEY_MAX);
	if (ok && key != NULL) {
		*made = storage_announcement_by_key(desk->storage, plan.author, key);
		*is_again = *made != NULL;
	}
	if (ok && *made == NULL)
		ok = try_announce(desk, actor, &plan, key, made, err);
	matches_fini(&plan.matches);
	free(key);
	if (ok)
		return look_back(desk, request, made, err);
	preview_wish_free(request->preview);
	return !request->is_dry && announcement_refused(desk, actor, 0, err);
}

/* ---- editing ---------------------------------------------------------------------------------------------- */

static bool may_edit(struct desk *desk, const struct actor *actor,
    const struct announcement *announcement, struct error *err)
{
	if (!announcement_allowed(desk, actor, err))
		return false;
	if (text_equal(announcement->author, actor->who) ||
	    (!actor->is_token && person_is_same(desk, announcement->author, actor->who)))
		return true;
	return error_set(err, ERROR_FORBIDDEN,
	    "H%" PRId64 " is somebody else's, and only who announced it may edit it; announce your "
	    "own with expect",
	    announcement->id);
}

static void put_all_matches(const struct announcement *announcement, struct buf *out)
{
	for (size_t i = 0; i < announcement->match_count; i++) {
		buf_puts(out, i > 0 ? " " : "");
		buf_put_code(out, announcement->match[i], LINE_MATCH_UNITS);
	}
}

/* What it says from now on; all that was approved is to be approved again. */
static void take_matches(
    struct desk *desk, struct plan *plan, struct announcement *announcement)
{
	for (size_t i = 0; i < announcement->match_count; i++)
		free(announcement->match[i]);
	free(announcement->match);
	announcement->match_count = plan->matches.count;
	announcement->match =
	    xcalloc(announcement->match_count + 1, sizeof(*announcement->match));
	for (size_t i = 0; i < announcement->match_count; i++)
		announcement->match[i] = xstrdup(plan->matches.list[i]->source);
	/* What a claim waits for is not got rid of by an edit. */
	announcement->needs_approval =
	    needs_approval(desk, plan) || claim_waits_under(desk, announcement->id);
	announcement->approval_from = announcement->approved_until = 0;
	announcement->approved_at = TIME_NONE;
	replace_text(&announcement->approved_by, NULL);
	replace_text(&announcement->denied_by, NULL);
	announcement->asked_at = desk->now;
	announcement->edition++;
}

static bool edit(struct desk *desk, const struct actor *actor, struct plan *plan,
    struct announcement *announcement, struct error *err)
{
	char subject[24], *before = announcement_detail(announcement), *after, *detail;
	struct buf line;
	bool ok;

	announcement_subject(announcement->id, subject);
	buf_init(&line, TEXT_MAX_BYTES);
	buf_puts(&line, "Edited by ");
	buf_put_person(&line, desk->config, actor->who);
	buf_puts(&line, ": was ");
	put_all_matches(announcement, &line);
	take_matches(desk, plan, announcement);
	buf_puts(&line, ", is now ");
	put_all_matches(announcement, &line);
	after = write_detail(announcement, plan->is_on_call);
	detail = xasprintf("{\"before\":%s,\"after\":%s}", before, after);
	ok = desk_audit(desk, actor, "edited", subject, detail, err) &&
	     announcement_write(desk, announcement, err) &&
	     say_in_thread(desk, subject, announcement->channel, buf_text(&line), false, err) &&
	     say_on_call(desk, announcement, plan, err) && change_say(desk, announcement, err);
	buf_fini(&line);
	free(before);
	free(after);
	free(detail);
	return ok;
}

bool announcement_edit(struct desk *desk, const struct actor *actor, int64_t id, char **match,
    size_t match_count, struct announcement **now, struct error *err)
{
	struct announcement *announcement = announcement_standing(desk, id, true, err);
	struct announce_request request = {.match = match, .match_count = match_count};
	struct plan plan = {.request = &request, .actor = actor};
	bool ok;

	*now = NULL;
	if (announcement == NULL)
		return false;
	request.because = announcement->because;
	plan.author = announcement->author;
	plan.starts_at = announcement->starts_at > desk->now ? announcement->starts_at : desk->now;
	plan.ends_at = announcement->ends_at;
	ok = may_edit(desk, actor, announcement, err) && read_matches(desk, &plan, err) &&
	     edit(desk, actor, &plan, announcement, err);
	matches_fini(&plan.matches);
	return announcement_give(
	    announcement, ok || announcement_refused(desk, actor, id, err), now);
}

/* ---- what becomes of it ----------------------------------------------------------------------------------- */

/* The end's receipt, in mrkdwn. */
static void put_receipt(
    const struct desk *desk, const struct announcement *announcement, struct buf *out)
{
	const char *why = announcement->over_why;

	if (announcement->state == ANNOUNCEMENT_CANCELLED) {
		buf_puts(out, "Taken back by ");
		buf_put_person(out, desk->config, announcement->over_by);
		buf_puts(out, " before it began.");
		return;
	}
	if (announcement_is_broken(announcement)) {
		buf_printf(out,
		    "*Broken:* more came than the %" PRId64 " that were announced, so it ends here. "
		    "What comes now fires as _more than announced_.",
		    announcement->max);
		announcement_put_retold(announcement, out);
		return;
	}
	if (text_equal(why, OVER_NEVER_APPROVED)) {
		buf_puts(out, "Over: it was never approved. ");
	} else if (text_equal(why, OVER_NOT_ME)) {
		buf_puts(out, "*Not me*, says ");
		buf_put_person(out, desk->config, announcement->over_by);
		buf_puts(out, ": it ends here, and all that it covered is told anew. ");
	} else if (text_equal(why, "time")) {
		buf_puts(out, "Over: its time is up. ");
	} else if (text_equal(why, "lease")) {
		buf_puts(out, "Over: whoever kept it alive went silent. ");
	} else {
		buf_puts(out, "Over (");
		buf_put_mrkdwn(out, why, WHY_MAX);
		buf_puts(out, "), says ");
		buf_put_person(out, desk->config, announcement->over_by);
		buf_puts(out, ". ");
	}
	if (announcement->needs_approval && announcement->approval_from == 0 &&
	    !announcement_is_approved(announcement))
		buf_puts(out, "Nobody approved it: it covered nothing");
	else if (announcement->matched == 0)
		buf_puts(out, "Announced, never seen");
	else
		buf_printf(out, "Matched %" PRId64 " of %" PRId64, announcement->matched,
		    announcement->max);
	if (announcement->near_misses > 0)
		buf_printf(out, "; %" PRId64 " near miss%s", announcement->near_misses,
		    announcement->near_misses == 1 ? "" : "es");
	buf_putc(out, '.');
	announcement_put_retold(announcement, out);
}

bool announcement_say_receipt(
    struct desk *desk, const struct announcement *announcement, struct error *err)
{
	char subject[24];
	struct buf text;
	bool ok;

	announcement_subject(announcement->id, subject);
	buf_init(&text, TEXT_MAX_BYTES);
	put_receipt(desk, announcement, &text);
	ok = say_in_thread(desk, subject, announcement->channel, buf_text(&text),
	    announcement_is_broken(announcement) || text_equal(announcement->over_why, OVER_NOT_ME), err);
	buf_fini(&text);
	return ok;
}

bool announcement_write(struct desk *desk, struct announcement *announcement, struct error *err)
{
	announcement->version++;
	return storage_put_announcement(desk->storage, announcement, err) &&
	       announcements_put(desk, announcement, err) &&
	       say_announcement(desk, announcement, err);
}

bool announcement_over(struct desk *desk, const struct actor *actor,
    struct announcement *announcement, enum announcement_state state, const char *why,
    struct error *err)
{
	const char *what = state == ANNOUNCEMENT_CANCELLED ? "cancelled" : "ended";
	char subject[24];

	announcement_subject(announcement->id, subject);
	announcement->state = state;
	announcement->over_at = desk->now;
	free(announcement->over_why);
	announcement->over_why = xstrndup(why, utf16_prefix(why, strlen(why), WHY_MAX));
	replace_text(&announcement->over_by, actor->who);
	announcement_begin_retelling(announcement);
	log_info("%s %s by=%s why=%s matched=%" PRId64 " max=%" PRId64, subject, what, actor->who,
	    announcement->over_why, announcement->matched, announcement->max);
	return desk_audit(desk, actor, what, subject, announcement->over_why, err) &&
	       storage_remove_reals(desk->storage, announcement->id, err) &&
	       announcement_write(desk, announcement, err) &&
	       claim_drop(desk, announcement, err) &&
	       announcement_retell(desk, announcement, err);
}

bool announcement_count(
    struct desk *desk, int64_t id, const struct alert *alert, bool is_match, struct error *err)
{
	const struct announcement *found = announcements_find(desk, id);
	struct announcement *announcement;
	bool ok;

	(void)alert;
	if (found == NULL)
		return true; /* it ended by an alert of the same event */
	announcement = announcement_copy(found);
	if (is_match)
		announcement->matched++;
	else
		announcement->near_misses++;
	ok = announcement_write(desk, announcement, err);
	announcement_free(announcement);
	return ok;
}

bool announcement_break(struct desk *desk, int64_t id, const struct alert *alert, struct error *err)
{
	const struct announcement *found = announcements_find(desk, id);
	struct announcement *announcement;
	bool ok;

	(void)alert;
	if (found == NULL)
		return true;
	announcement = announcement_copy(found);
	ok = announcement_over(desk, &headsup, announcement, ANNOUNCEMENT_ENDED, "budget", err);
	announcement_free(announcement);
	return ok;
}

struct announcement *announcement_standing(
    struct desk *desk, int64_t id, bool wants_more, struct error *err)
{
	struct announcement *announcement = storage_announcement(desk->storage, id, err);
	const char *why;

	if (announcement == NULL) {
		if (err != NULL && err->kind == ERROR_NOT_FOUND)
			error_set(err, ERROR_NOT_FOUND,
			    "there is no H%" PRId64 "; list shows those that stand", id);
		return NULL;
	}
	/* What ran out in this second is over, whether or not its end has been told. */
	why = announcement_over_why(announcement, desk->now);
	if (why == NULL)
		return announcement;
	error_set(err, ERROR_CONFLICT, "H%" PRId64 " is over already (%s: %.100s)%s", id,
	    announcement_status(announcement, desk->now), why,
	    wants_more ? "; announce anew with expect" : "");
	announcement_free(announcement);
	return NULL;
}

/* Reads H<id> for a change by ACTOR; NULL when it is not there, over, or not theirs. The caller frees. */
static struct announcement *open_for(
    struct desk *desk, const struct actor *actor, int64_t id, bool makes_longer, struct error *err)
{
	struct announcement *announcement = announcement_standing(desk, id, makes_longer, err);

	if (announcement == NULL || may_change(desk, actor, announcement, makes_longer, err))
		return announcement;
	announcement_free(announcement);
	return NULL;
}

bool announcement_give(struct announcement *announcement, bool ok, struct announcement **now)
{
	*now = ok ? announcement : NULL;
	if (!ok)
		announcement_free(announcement);
	return ok;
}

/*
 * False: it would last too long; the sentence says by how much it may grow. What counts is the whole window, from its begin, or
 * it could be extended for ever.
 */
static bool may_grow(const struct desk *desk, const struct announcement *announcement, int64_t by_s,
    struct error *err)
{
	const int64_t longest = desk->config->policy.max_duration_s;
	const int64_t lasts = announcement->ends_at - announcement->starts_at;
	const int64_t room = (longest - lasts) / 60 * 60;
	char most[32], rest[32];

	if (by_s <= 0 || by_s > DURATION_MAX_S)
		return error_set(err, ERROR_USAGE, "say by how long; try: extend H%" PRId64 " 30m",
		    announcement->id);
	if (lasts + by_s <= longest)
		return true;
	duration_write(longest, most, sizeof(most));
	if (room <= 0)
		return error_set(err, ERROR_REFUSED,
		    "at most %s at a time, and H%" PRId64
		    " lasts that long already; announce anew with expect", most,
		    announcement->id);
	duration_write(room, rest, sizeof(rest));
	return error_set(err, ERROR_REFUSED, "at most %s at a time; try: extend H%" PRId64 " %s",
	    most, announcement->id, rest);
}

/* An approval holds for what was approved, and working hours for what was announced in them: what is added has to be asked for. */
static void grow(struct desk *desk, struct plan *added, struct announcement *announcement,
    int64_t by_s)
{
	added->author = announcement->author;
	added->starts_at = announcement->ends_at;
	added->ends_at = announcement->ends_at + by_s;
	if (announcement_is_approved(announcement) && announcement->approved_until == 0)
		announcement->approved_until = announcement->ends_at;
	if (!announcement->needs_approval && is_odd(desk, added)) {
		announcement->needs_approval = true;
		announcement->approval_from = announcement->ends_at;
	}
	announcement->ends_at += by_s;
	announcement->edition++;
}

bool announcement_extend(struct desk *desk, const struct actor *actor, int64_t id, int64_t by_s,
    struct announcement **now, struct error *err)
{
	struct plan added = {.actor = actor};
	struct announcement *announcement;
	char subject[24], detail[96], by[32];
	struct error own;

	*now = NULL;
	err = err != NULL ? err : &own;
	announcement = open_for(desk, actor, id, true, err);
	if (announcement == NULL)
		return false;
	if (!may_grow(desk, announcement, by_s, err))
		return announcement_give(
		    announcement, announcement_refused(desk, actor, id, err), now);
	announcement_subject(id, subject);
	grow(desk, &added, announcement, by_s);
	duration_write(by_s, by, sizeof(by));
	snprintf(detail, sizeof(detail), "by %s%s", by, added.is_on_call ? ", on call" : "");
	return announcement_give(announcement,
	    desk_audit(desk, actor, "extended", subject, detail, err) &&
		announcement_write(desk, announcement, err) &&
		say_on_call(desk, announcement, &added, err),
	    now);
}

bool announcement_end(struct desk *desk, const struct actor *actor, int64_t id, const char *why,
    struct announcement **now, struct error *err)
{
	struct announcement *announcement = open_for(desk, actor, id, false, err);

	*now = NULL;
	if (announcement == NULL)
		return false;
	if (announcement->starts_at > desk->now) {
		error_set(err, ERROR_CONFLICT, "H%" PRId64 " has not begun; try: cancel H%" PRId64,
		    id, id);
		return announcement_give(announcement, false, now);
	}
	return announcement_give(announcement,
	    announcement_over(desk, actor, announcement, ANNOUNCEMENT_ENDED, text_is_empty(why) ? "done" : why,
		err),
	    now);
}

bool announcement_cancel(struct desk *desk, const struct actor *actor, int64_t id,
    struct announcement **now, struct error *err)
{
	struct announcement *announcement = open_for(desk, actor, id, false, err);

	*now = NULL;
	if (announcement == NULL)
		return false;
	if (announcement->starts_at <= desk->now) {
		error_set(
		    err, ERROR_CONFLICT, "H%" PRId64 " has begun; try: end H%" PRId64, id, id);
		return announcement_give(announcement, false, now);
	}
	return announcement_give(announcement,
	    announcement_over(desk, actor, announcement, ANNOUNCEMENT_CANCELLED, "cancelled", err), now);
}

/* A lease is in the hand of who took it: another token could otherwise keep a dead job's alive. */
static bool may_renew(const struct desk *desk, const struct actor *actor,
    const struct announcement *announcement, struct error *err)
{
	if (text_equal(announcement->author, actor->who) ||
	    ((actor->may & MAY_ANNOUNCE_FOR) != 0 &&
		config_person(desk->config, announcement->author) != NULL))
		return true;
	return error_set(err, ERROR_FORBIDDEN, "only who announced H%" PRId64 " can renew its lease",
	    announcement->id);
}

static bool renew(struct desk *desk, const struct actor *actor, struct announcement *announcement,
    int64_t lease_s, struct error *err)
{
	const int64_t before = announcement->lease_until;

	if (!may_renew(desk, actor, announcement, err))
		return false;
	if (before == TIME_NONE)
		return error_set(err, ERROR_CONFLICT,
		    "H%" PRId64 " is a window and has no lease; try: extend H%" PRId64 " 30m",
		    announcement->id, announcement->id);
	announcement->lease_until = desk->now + lease_s;
	if (announcement->lease_until == before)
		return true; /* many in one second are one */
	return storage_put_announcement(desk->storage, announcement, err) &&
	       announcements_put(desk, announcement, err);
}

bool announcement_renew(struct desk *desk, const struct actor *actor, int64_t id, int64_t lease_s,
    struct announcement **now, struct error *err)
{
	struct announcement *announcement;

	*now = NULL;
	if (!check_lease(lease_s, err))
		return false;
	announcement = open_for(desk, actor, id, true, err);
	return announcement != NULL &&
	       announcement_give(announcement, renew(desk, actor, announcement, lease_s, err), now);
}

static bool on_due(struct desk *desk, int64_t id, struct error *err)
{
	const struct announcement *found = announcements_find(desk, id);
	struct announcement *announcement;
	const char *why;
	bool ok;

	if (found == NULL)
		return true;
	why = announcement_over_why(found, desk->now);
	announcement = announcement_copy(found);
	if (why != NULL)
		ok = announcement_over(desk, &headsup, announcement, ANNOUNCEMENT_ENDED, why, err);
	else if (announcement_remind_at(found) != TIME_NONE &&
		 announcement_remind_at(found) <= desk->now)
		ok = announcement_remind(desk, announcement, err);
	else
		ok = say_announcement(desk, announcement, err);
	ok = ok && change_say(desk, announcement, err);
	announcement_free(announcement);
	return ok;
}

bool announcements_tick(struct desk *desk, struct error *err)
{
	return announcements_each_due(desk, on_due, err);
}

/* ---- how it is put in a list -------------------------------------------------------------------------------- */

void announcement_line(const struct desk *desk, const struct announcement *announcement,
    const char *zone, struct buf *out)
{
	char duration[32], from[64], until[64];

	zone = zone != NULL ? zone : "UTC";
	duration_write(announcement->ends_at - announcement->starts_at, duration, sizeof(duration));
	time_write_local(announcement->starts_at, zone, desk->now, from, sizeof(from));
	time_write_local(announcement->ends_at, zone, desk->now, until, sizeof(until));
	buf_put_person(out, desk->config, announcement->author);
	buf_putc(out, ':');
	for (size_t i = 0; i < announcement->match_count; i++) {
		buf_putc(out, ' ');
		buf_put_code(out, announcement->match[i], LINE_MATCH_UNITS);
	}
	if (announcement->starts_at > desk->now)
		buf_printf(out, " from %s", from);
	buf_printf(out, " for %s, until %s, because ", duration, until);
	buf_put_mrkdwn(out, announcement->because, LINE_REASON_UNITS);
	buf_printf(out, ", seen %" PRId64 " of %" PRId64, announcement->matched, announcement->max);
}
