#include "handlers/home.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/announcements.h"
#include "handlers/blocks.h"
#include "handlers/card.h"
#include "handlers/form.h"
#include "handlers/people.h"
#include "handlers/slack_text.h"

#define SCAN_MAX 500   /* rows that are looked at for one list */
#define TEXT_MAX 3000  /* UTF-16 units of a text object */
#define LINE_BYTES_MAX 12000
#define TITLE_UNITS 200
#define URL_MAX 400

struct home {
	struct desk *desk;
	const char *who, *workspace;
	char *zone;
	cJSON *blocks;
};

/* ---- lines ------------------------------------------------------------------------------------------------- */

/* TEXT is escaped already. */
static void add_line(struct home *home, const struct buf *text)
{
	const char *whole = buf_text(text);
	char *part = xstrndup(whole, utf16_prefix(whole, strlen(whole), TEXT_MAX));

	if (part[0] != '\0')
		blocks_add_section(home->blocks, NULL, part);
	free(part);
}

static void add_heading(struct home *home, const char *plain)
{
	cJSON_AddItemToObject(blocks_add(home->blocks, "header", NULL), "text", blocks_plain(plain));
}

static void put_left(struct buf *out, int64_t seconds)
{
	char text[32];

	if (seconds < 0)
		seconds = 0;
	duration_write(seconds >= 60 ? seconds / 60 * 60 : seconds, text, sizeof(text));
	buf_puts(out, text);
}

struct where {
	char *url, *channel;
	const char *workspace;
};

/* https://example.slack.com/archives/C0SEC/p1772452800000100: docs.slack.dev/reference/methods/chat.getPermalink */
static bool take_post(void *ctx, const struct post *post)
{
	struct where *where = ctx;
	const char *dot = post->ts != NULL ? strchr(post->ts, '.') : NULL;

	if (!slack_is_channel_id(post->channel_id))
		return true;
	where->channel = xstrdup(post->channel_id);
	if (where->workspace != NULL && dot != NULL)
		where->url = xasprintf("%.300sarchives/%.32s/p%.*s%.16s", where->workspace, post->channel_id, (int)(dot - post->ts),
		    post->ts, dot + 1);
	return false;
}

static void put_where(struct home *home, const char *subject, struct buf *line)
{
	struct where where = {.workspace = home->workspace};

	if (!storage_each_post(home->desk->storage, subject, take_post, &where, NULL) || where.channel == NULL)
		return;
	buf_puts(line, " · ");
	if (where.url != NULL)
		buf_put_link(line, where.url, "show");
	else
		buf_printf(line, "<#%s>", where.channel);
	free(where.url);
	free(where.channel);
}

static void put_alert(struct home *home, const struct alert *alert, struct buf *line)
{
	char subject[24];

	snprintf(subject, sizeof(subject), "A%" PRId64, alert->id);
	card_put_title(alert, TITLE_UNITS, line);
	buf_printf(line, "\n*%s* %s for ", subject, alert_status_name(alert->status));
	put_left(line, home->desk->now - alert->received_at);
	if (alert->count > 1)
		buf_printf(line, ", %" PRId64 " times", alert->count);
	put_where(home, subject, line);
}

/* ---- alerts ------------------------------------------------------------------------------------------------ */

/* The gravest of what was looked at; of one severity the newest. */
struct alerts {
	struct home *home;
	struct {
		enum severity severity;
		int64_t id;
	} list[HOME_ALERTS_MAX];
	size_t count, max;
};

static bool take_alert(void *ctx, const struct alert *alert)
{
	struct alerts *alerts = ctx;
	size_t at = alerts->count;

	/* They come newest first. */
	while (at > 0 && alerts->list[at - 1].severity < alert->severity)
		at--;
	if (at == alerts->max)
		return true;
	if (alerts->count < alerts->max)
		alerts->count++;
	memmove(&alerts->list[at + 1], &alerts->list[at], (alerts->count - 1 - at) * sizeof(alerts->list[0]));
	alerts->list[at].severity = alert->severity;
	alerts->list[at].id = alert->id;
	return true;
}

static void find_alerts(struct alerts *alerts, enum alert_status status, const char *assignee)
{
	const struct alert_query query = {.status = (int)status,
	    .since = TIME_NONE,
	    .until = TIME_NONE,
	    .assignee = assignee,
	    .limit = SCAN_MAX};

	(void)storage_each_alert(alerts->home->desk->storage, &query, take_alert, alerts, NULL);
}

static void add_alerts(const struct alerts *alerts)
{
	struct home *home = alerts->home;

	for (size_t i = 0; i < alerts->count; i++) {
		struct alert *alert = storage_alert(home->desk->storage, alerts->list[i].id, NULL);
		struct buf line;

		buf_init(&line, LINE_BYTES_MAX);
		if (alert != NULL)
			put_alert(home, alert, &line);
		add_line(home, &line);
		buf_fini(&line);
		alert_free(alert);
	}
}

static void add_open(struct home *home)
{
	struct alerts alerts = {.home = home, .max = HOME_ALERTS_MAX};
	int64_t counts[5] = {0};
	char text[160];

	find_alerts(&alerts, ALERT_OPEN, NULL);
	if (!storage_count_alerts(home->desk->storage, counts, NULL) || counts[ALERT_OPEN] < (int64_t)alerts.count)
		counts[ALERT_OPEN] = (int64_t)alerts.count;
	snprintf(text, sizeof(text), "Open alerts: %" PRId64, counts[ALERT_OPEN]);
	add_heading(home, text);
	if (alerts.count == 0)
		blocks_add_context(home->blocks, NULL, "Nothing is open.");
	add_alerts(&alerts);
	if (counts[ALERT_OPEN] > (int64_t)alerts.count) {
		snprintf(text, sizeof(text), "and %" PRId64 " more: `%.64s alerts open`", counts[ALERT_OPEN] - (int64_t)alerts.count,
		    home->desk->config->slack.command);
		blocks_add_context(home->blocks, NULL, text);
	}
}

/* ---- announcements ----------------------------------------------------------------------------------------- */

struct standings {
	struct home *home;
	struct announcement *list[SCAN_MAX];
	size_t count;
};

static bool take_standing(void *ctx, const struct announcement *announcement)
{
	struct standings *standings = ctx;

	if (announcement_over_why(announcement, standings->home->desk->now) == NULL)
		standings->list[standings->count++] = announcement_copy(announcement);
	return standings->count < SCAN_MAX;
}

static void find_standings(struct standings *standings)
{
	const struct announcement_query query = {.state = ANNOUNCEMENT_STANDS, .limit = SCAN_MAX};

	(void)storage_each_announcement(standings->home->desk->storage, &query, take_standing, standings, NULL);
}

static void put_standing(struct home *home, const struct announcement *announcement, struct buf *line)
{
	const int64_t now = home->desk->now;

	buf_printf(line, "*H%" PRId64 "* %s, ", announcement->id, announcement_status(announcement, now));
	if (announcement->starts_at > now) {
		buf_puts(line, "begins in ");
		put_left(line, announcement->starts_at - now);
	} else {
		put_left(line, announcement_ends_at(announcement) - now);
		buf_puts(line, " left");
	}
	buf_puts(line, " · ");
	announcement_line(home->desk, announcement, home->zone, line);
}

static void add_standing(struct home *home, const struct announcement *announcement)
{
	struct buf line;

	buf_init(&line, LINE_BYTES_MAX);
	put_standing(home, announcement, &line);
	add_line(home, &line);
	buf_fini(&line);
}

static void add_announcements(struct home *home, const struct standings *standings)
{
	char text[160];

	snprintf(text, sizeof(text), "Announcements: %zu%s", standings->count, standings->count == SCAN_MAX ? " or more" : "");
	add_heading(home, text);
	if (standings->count == 0)
		blocks_add_context(home->blocks, NULL, "Nobody has announced anything: all that comes, fires.");
	for (size_t i = 0; i < standings->count && i < HOME_ANNOUNCEMENTS_MAX; i++)
		add_standing(home, standings->list[i]);
	if (standings->count > HOME_ANNOUNCEMENTS_MAX) {
		snprintf(text, sizeof(text), "and %zu more: `%.64s list`", standings->count - HOME_ANNOUNCEMENTS_MAX,
		    home->desk->config->slack.command);
		blocks_add_context(home->blocks, NULL, text);
	}
}

/* ---- what waits -------------------------------------------------------------------------------------------- */

static bool is_theirs(const struct home *home, const struct announcement *announcement)
{
	return text_equal(announcement->author, home->who) || person_is_same(home->desk, announcement->author, home->who);
}

/* Nothing of it counts until somebody such as they approves it. */
static bool waits_for_approval(const struct home *home, const struct announcement *announcement)
{
	const struct actor actor = {.who = home->who, .via = "slack"};

	return announcement->needs_approval && !announcement_is_approved(announcement) && announcement->denied_by == NULL &&
	       !is_theirs(home, announcement) && desk_allows(home->desk, home->desk->config->policy.approvers, &actor);
}

/* Their own, about to end. */
static bool waits_for_more(const struct home *home, const struct announcement *announcement)
{
	return is_theirs(home, announcement) && announcement->starts_at <= home->desk->now &&
	       announcement->lease_until == TIME_NONE && announcement->ends_at - home->desk->now <= REMIND_BEFORE_S;
}

static void add_approval(struct home *home, const struct announcement *announcement)
{
	cJSON *elements;
	char value[80];

	add_standing(home, announcement);
	elements = cJSON_AddArrayToObject(blocks_add(home->blocks, "actions", NULL), "elements");
	snprintf(value, sizeof(value), "H%" PRId64 ":%" PRId64 ":%" PRId64, announcement->id, announcement->version,
	    announcement->edition);
	blocks_add_button(elements, ACTION_APPROVE, "Approve", value, NULL);
	blocks_add_button(elements, ACTION_DENY, "Deny", value, NULL);
}

static void add_reminder(struct home *home, const struct announcement *announcement)
{
	cJSON *elements;
	char value[64];

	add_standing(home, announcement);
	elements = cJSON_AddArrayToObject(blocks_add(home->blocks, "actions", NULL), "elements");
	snprintf(value, sizeof(value), "H%" PRId64 ":%" PRId64, announcement->id, announcement->version);
	blocks_add_button(elements, ACTION_EXTEND, "+30 min", value, NULL);
	blocks_add_button(elements, ACTION_END, "Done", value, NULL);
}

static size_t add_some(struct home *home, const struct standings *standings,
    bool (*waits)(const struct home *home, const struct announcement *announcement),
    void (*add)(struct home *home, const struct announcement *announcement))
{
	size_t count = 0;

	for (size_t i = 0; i < standings->count && count < HOME_WAITING_MAX; i++) {
		if (!waits(home, standings->list[i]))
			continue;
		add(home, standings->list[i]);
		count++;
	}
	return count;
}

static void add_waiting(struct home *home, const struct standings *standings)
{
	struct alerts mine = {.home = home, .max = HOME_MINE_MAX};
	size_t count;

	add_heading(home, "Waits for you");
	count = add_some(home, standings, waits_for_approval, add_approval);
	count += add_some(home, standings, waits_for_more, add_reminder);
	find_alerts(&mine, ALERT_OPEN, home->who);
	find_alerts(&mine, ALERT_ACKED, home->who);
	add_alerts(&mine);
	if (count + mine.count == 0)
		blocks_add_context(home->blocks, NULL, "Nothing waits for you.");
}

/* ---- the view ---------------------------------------------------------------------------------------------- */

static void add_announce_button(struct home *home)
{
	cJSON *elements = cJSON_AddArrayToObject(blocks_add(home->blocks, "actions", "announce"), "elements");

	blocks_add_button(elements, ACTION_ANNOUNCE, "Announce", "new", "primary");
}

static char *find_zone(const struct desk *desk, const char *who)
{
	struct profile profile = {.slack = NULL};
	char *zone = NULL;

	if (storage_profile(desk->storage, who, &profile))
		zone = xstrdup(profile.timezone);
	profile_fini(&profile);
	return zone != NULL ? zone : xstrdup("UTC");
}

cJSON *home_view(struct desk *desk, const char *who, const char *channel, const char *workspace, bool is_plain)
{
	struct home home = {.desk = desk, .who = who};
	struct standings *standings = xcalloc(1, sizeof(*standings));
	cJSON *view = cJSON_CreateObject(), *metadata = cJSON_CreateObject();
	char *text;

	/* https://example.slack.com/ */
	if (workspace != NULL && text_prefix(workspace, "https://") && strnlen(workspace, URL_MAX) < URL_MAX &&
	    workspace[strlen(workspace) - 1] == '/')
		home.workspace = workspace;
	home.zone = find_zone(desk, who);
	standings->home = &home;
	json_put(view, "type", "home");
	json_put(view, "callback_id", HOME_CALLBACK);
	if (slack_is_channel_id(channel))
		json_put(metadata, "channel", channel);
	if (home.workspace != NULL)
		json_put(metadata, "workspace", home.workspace);
	text = json_write(metadata);
	json_put(view, "private_metadata", text);
	home.blocks = cJSON_AddArrayToObject(view, "blocks");
	add_announce_button(&home);
	if (is_plain) {
		blocks_add_context(home.blocks, NULL, "There is more than Slack takes here: ask with a command.");
	} else {
		find_standings(standings);
		add_waiting(&home, standings);
		add_open(&home);
		add_announcements(&home, standings);
	}
	for (size_t i = 0; i < standings->count; i++)
		announcement_free(standings->list[i]);
	free(standings);
	free(text);
	free(home.zone);
	cJSON_Delete(metadata);
	return view;
}
