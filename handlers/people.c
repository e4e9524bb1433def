#include "handlers/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define PEOPLE_ASKED_MAX 200 /* profiles asked for at a time: Slack takes about a hundred a minute */
#define LISTS 3

/* ---- who may decide ---------------------------------------------------------------------------------------- */

bool person_known(struct desk *desk, const char *who, int64_t fresh_s, struct error *err)
{
	struct profile profile;
	bool is_fresh;

	if (!slack_is_user(who))
		return true;
	is_fresh = storage_profile(desk->storage, who, &profile);
	if (is_fresh) {
		is_fresh = profile.fetched_at != TIME_NONE && profile.fetched_at > desk->now - fresh_s;
		profile_fini(&profile);
	}
	if (is_fresh)
		return true;
	snprintf(desk->wanted_profile, sizeof(desk->wanted_profile), "%s", who);
	return error_set(err, ERROR_WAIT, "Slack has not said yet who %.64s is, so it cannot be decided; try again in a moment", who);
}

/* The configuration names them as one of the people: known enough to announce before Slack has answered. */
static bool is_listed(const struct desk *desk, const char *who)
{
	for (size_t i = 0; i < desk->config->person_count; i++) {
		if (text_equal(desk->config->people[i].slack, who))
			return true;
	}
	return false;
}

bool person_may_decide(struct desk *desk, const struct actor *actor, bool is_approver, struct error *err)
{
	const char *what = is_approver ? "approve" : "announce";
	struct profile profile;
	bool ok = true;

	if (actor->is_token)
		return true;
	if ((is_approver || !is_listed(desk, actor->who)) &&
	    !person_known(desk, actor->who, is_approver ? PROFILE_FRESH_S : PROFILE_STALE_S, err))
		return false;
	if (!storage_profile(desk->storage, actor->who, &profile))
		return !is_approver ||
		       error_set(err, ERROR_FORBIDDEN, "who you are is not known here, so you may not %s", what);
	if (profile.is_guest)
		ok = error_set(err, ERROR_FORBIDDEN, "guests may not %s; ask somebody of the team", what);
	else if (profile.is_bot)
		ok = error_set(err, ERROR_FORBIDDEN, "bots may not %s here; give them a token (tokens:)", what);
	else if (profile.is_deleted)
		ok = error_set(err, ERROR_FORBIDDEN, "an account that is deactivated may not %s", what);
	profile_fini(&profile);
	return ok;
}

void profile_read(const cJSON *user, struct profile *profile)
{
	const cJSON *details = json_get(user, "profile");
	const char *const names[] = {
	    json_text(details, "display_name"), json_text(user, "real_name"), json_text(user, "name"), profile->slack};
	const char *zone = json_text(user, "tz"), *email = json_text(details, "email");

	for (size_t i = 0; text_is_empty(profile->name) && i < sizeof(names) / sizeof(names[0]); i++)
		profile->name = (char *)names[i];
	profile->email = (char *)(text_is_empty(email) ? NULL : email);
	profile->timezone = (char *)(zone != NULL && zone_known(zone) ? zone : NULL);
	profile->is_guest = json_true(user, "is_restricted") || json_true(user, "is_ultra_restricted");
	profile->is_bot = json_true(user, "is_bot");
	profile->is_deleted = json_true(user, "deleted");
}

/* ---- who is who -------------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return !text_is_empty(a) && !text_is_empty(b) && strcasecmp(a, b) == 0;
}

/* Two entries of the configuration that share an e-mail or a login are one person's two accounts. */
static bool is_one_entry(const struct person_config *a, const struct person_config *b)
{
	if (a == NULL || b == NULL)
		return false;
	if (a == b || same_text(a->email, b->email) || same_text(a->pagerduty, b->pagerduty))
		return true;
	for (size_t i = 0; i < a->login_count; i++) {
		for (size_t j = 0; j < b->login_count; j++) {
			if (text_equal(a->logins[i], b->logins[j]))
				return true;
		}
	}
	return false;
}

/* What is known of one of the two. */
struct identity {
	const struct person_config *entry;
	struct profile profile;
	bool has_profile;
	const char *who;
};

static void identify(const struct desk *desk, const char *who, struct identity *identity)
{
	*identity = (struct identity){.who = who, .entry = config_person(desk->config, who)};
	identity->has_profile = storage_profile(desk->storage, who, &identity->profile);
	/* Named by the e-mail alone: the account in Slack is theirs all the same. */
	if (identity->entry == NULL && identity->has_profile && identity->profile.email != NULL)
		identity->entry = config_person(desk->config, identity->profile.email);
}

/* Does one of the e-mails of A name B? */
static bool shares_email(const struct identity *a, const struct identity *b)
{
	const char *const of_a[] = {a->who, a->entry != NULL ? a->entry->email : NULL, a->profile.email};
	const char *const of_b[] = {b->who, b->entry != NULL ? b->entry->email : NULL, b->profile.email};

	for (size_t i = 0; i < LISTS; i++) {
		for (size_t j = 0; j < LISTS; j++) {
			if (same_text(of_a[i], of_b[j]))
				return true;
		}
	}
	return false;
}

bool person_is_same(const struct desk *desk, const char *a, const char *b)
{
	struct identity left, right;
	bool same;

	if (text_is_empty(a) || text_is_empty(b))
		return false;
	identify(desk, a, &left);
	identify(desk, b, &right);
	same = is_one_entry(left.entry, right.entry) || shares_email(&left, &right);
	profile_fini(&left.profile);
	profile_fini(&right.profile);
	return same;
}

char *person_name(const struct desk *desk, const char *who)
{
	struct profile profile;
	char space[64], *name;

	if (config_person(desk->config, who) == NULL && storage_profile(desk->storage, who, &profile)) {
		name = xstrdup(profile.name != NULL ? profile.name : who);
		profile_fini(&profile);
		return name;
	}
	return xstrdup(config_person_name(desk->config, who, space));
}

char *person_zone_of_login(const struct desk *desk, const char *login)
{
	const struct person_config *person = login != NULL ? config_person(desk->config, login) : NULL;
	struct profile profile;
	char *zone;

	if (person == NULL || person->slack == NULL || !storage_profile(desk->storage, person->slack, &profile))
		return NULL;
	zone = xstrdup(profile.timezone);
	profile_fini(&profile);
	return zone;
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

static bool ask_groups(struct desk *desk, char *const *list, struct error *err)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
		if (slack_is_group(list[i]) && !say_ask_group(desk, list[i], err))
			return false;
	}
	return true;
}

static bool ask_people(struct desk *desk, struct error *err)
{
	const struct config *config = desk->config;
	size_t asked = 0;

	for (size_t i = 0; i < config->person_count && asked < PEOPLE_ASKED_MAX; i++) {
		const char *who = config->people[i].slack;

		if (!slack_is_user(who) || person_known(desk, who, PROFILE_STALE_S, NULL))
			continue;
		if (!say_ask_profile(desk, who, NULL, err))
			return false;
		asked++;
	}
	desk->wanted_profile[0] = '\0';
	return true;
}

bool people_tick(struct desk *desk, struct error *err)
{
	const struct policy *policy = &desk->config->policy;

	if (!desk->config->slack.is_enabled || desk->now < desk->people_due_at)
		return true;
	desk->people_due_at = desk->now + GROUP_ASK_S;
	return ask_groups(desk, policy->announcers, err) && ask_groups(desk, policy->responders, err) &&
	       ask_groups(desk, policy->approvers, err) && ask_people(desk, err);
}
