/* The index against a full scan: the exact set, over random announcements and alerts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/memory.h"
#include "handlers/index.h"

static uint64_t state = 0x2545F4914F6CDD1Du;

static size_t roll(size_t sides)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state % sides);
}

#define PICK(list) (list[roll(sizeof(list) / sizeof((list)[0]))])

static const char *const hosts[] = {
    "web-1", "web-2", "WEB-3", "web-3.example.com", "db-1", "db-12", "d", "web-3."};
static const char *const rules[] = {"sshd", "ssh-login", "ssh", "chef run", "port-scan"};
static const char *const actors[] = {"alice", "aliced", "bob", "mallory", "deploy"};
static const char *const ips[] = {"10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:DB8:0::1"};
static const char *const teams[] = {"red", "reddish", "blue"};
static const char *const severities[] = {"info", "low", "medium", "high", "critical"};
/* Every kind of predicate: equalities, lists, globs with and without a literal prefix, what is no equality, labels, long prefixes. */
static const char *const texts[] = {
    "host=web-1",
    "host=WEB-2",
    "host=web-3",
    "host=db-1,db-12",
    "host=web-*",
    "host=w*",
    "host=*1",
    "host=?eb-1",
    "host=web-?",
    "host!=web-1",
    "host~web-.*",
    "host!~db.*",
    "host=*",
    "host=web-1,web-*",
    "host=d,web-3.example.com",
    "rule=sshd",
    "rule=ssh-*",
    "rule=ssh*",
    "rule=\"chef run\"",
    "rule=\"chef *\"",
    "rule!=sshd",
    "rule=*scan",
    "rule=sshd,port-*",
    "actor=alice",
    "actor=bob,mallory",
    "actor=al*",
    "actor!=alice",
    "actor~(alice|bob)",
    "ip=10.0.0.1",
    "ip=10.0.*",
    "ip=2001:db8::1",
    "team=red",
    "team=red*",
    "team!=blue",
    "team=blue,red",
    "other=1",
    "other!=1",
    "severity=high,critical",
    "severity=c*",
    "env=prod",
    "env!=prod",
    "host=averyveryveryveryveryveryveryveryveryveryveryveryverylonghostname-that-goes-on-1*",
};
static char *const logins_alice[] = {"alice", "aliced"};
static char *const logins_bob[] = {"bob"};

static struct indexed *random_item(void)
{
	struct indexed *item = xcalloc(1, sizeof(*item));
	const size_t count = 1 + roll(4);
	char *list[4];
	struct error err;

	for (size_t i = 0; i < count; i++)
		list[i] = xstrdup(PICK(texts));
	if (!matches_parse(list, count, &item->said, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < count; i++)
		free(list[i]);
	item->is_bound = roll(3) > 0;
	if (item->is_bound && roll(4) > 0)
		item->actor =
		    roll(2) > 0 ? match_actor(logins_alice, 2) : match_actor(logins_bob, 1);
	indexed_order(item);
	return item;
}

static void item_free(struct indexed *item)
{
	indexed_fini(item);
	free(item);
}

static void random_alert(struct alert *alert)
{
	alert_init(alert);
	alert->title = xstrdup("something");
	if (roll(8) > 0)
		alert->host = xstrdup(roll(10) > 0 ? PICK(hosts)
						   : "averyveryveryveryveryveryveryveryveryveryvery"
						     "veryverylonghostname-that-goes-on-12");
	if (roll(8) > 0)
		alert->rule = xstrdup(PICK(rules));
	if (roll(3) > 0)
		alert->actor = xstrdup(roll(12) > 0 ? PICK(actors)
						    : "ali\xE2\x80\x8B"
						      "ce");
	if (roll(2) > 0)
		alert->ip = xstrdup(PICK(ips));
	if (roll(2) > 0)
		alert_add_label(alert, "team", PICK(teams));
	if (roll(3) == 0)
		alert_add_label(alert, "other", "1");
	if (roll(2) > 0)
		alert->env = xstrdup("prod");
	severity_parse(PICK(severities), &alert->severity);
}

enum kind { NOTHING, WHOLE, OTHER_ACTOR, NEAR };

static enum kind kind_of(const struct indexed *item, const struct alert *alert)
{
	struct fit fit;

	indexed_fit(item, alert, 2, &fit);
	if (fit.failed == 0)
		return fit.actor_holds ? WHOLE : OTHER_ACTOR;
	return fit.failed == 1 && fit.actor_holds && item->said.count >= 2 ? NEAR : NOTHING;
}

struct found {
	const struct alert *alert;
	size_t counts[4];
	size_t late_wholes; /* met only among the near ones, which are bounded */
	size_t calls;
};

static bool on_found(void *ctx, struct indexed *item, bool is_near)
{
	struct found *found = ctx;
	const enum kind kind = kind_of(item, found->alert);

	found->counts[kind]++;
	found->calls++;
	if (kind == WHOLE && is_near)
		found->late_wholes++;
	return true;
}

static void compare(struct index *index, struct indexed **items, size_t count)
{
	struct found found = {0};
	size_t wanted[4] = {0};
	struct alert alert;

	random_alert(&alert);
	for (size_t i = 0; i < count; i++)
		wanted[kind_of(items[i], &alert)]++;
	found.alert = &alert;
	index_walk(index, &alert, on_found, &found);

	assert_int_equal(found.counts[WHOLE], wanted[WHOLE]);
	assert_int_equal(found.counts[OTHER_ACTOR], wanted[OTHER_ACTOR]);
	assert_int_equal(found.counts[NEAR], wanted[NEAR]);
	assert_int_equal(found.late_wholes, 0);
	alert_fini(&alert);
}

static void index__random_announcements__finds_what_a_full_scan_finds(void **unused)
{
	(void)unused;
	for (size_t round = 0; round < 60; round++) {
		const size_t size = 1 + roll(150);
		struct indexed **items = xcalloc(size, sizeof(*items));
		struct index *index = index_new();
		size_t count = 0;

		for (size_t step = 0; step < 400; step++) {
			if (count < size && roll(3) > 0) {
				items[count] = random_item();
				index_add(index, items[count++]);
			} else if (count > 0 && roll(4) == 0) {
				size_t gone = roll(count);

				index_remove(index, items[gone]);
				item_free(items[gone]);
				items[gone] = items[--count];
			}
			compare(index, items, count);
		}
		while (count > 0) {
			index_remove(index, items[--count]);
			item_free(items[count]);
		}
		compare(index, items, 0);
		index_free(index);
		free(items);
	}
}

static struct indexed *item_of(
    const char *first, const char *second, char *const *logins, size_t login_count)
{
	struct indexed *item = xcalloc(1, sizeof(*item));
	char *list[2] = {(char *)first, (char *)second};
	struct error err;

	assert_true(matches_parse(list, second != NULL ? 2 : 1, &item->said, &err));
	item->is_bound = logins != NULL;
	item->actor = logins != NULL ? match_actor(logins, login_count) : NULL;
	return item;
}

/* One that fits hides behind more near misses than are looked at. */
static void index__more_near_misses_than_the_bound__loses_no_match(void **unused)
{
	enum { CROWD = 3000 };
	struct indexed **items = xcalloc(CROWD + 1, sizeof(*items));
	struct index *index = index_new();
	struct found found = {0};
	struct alert alert;
	char text[32];

	(void)unused;
	for (size_t i = 0; i < CROWD; i++) {
		snprintf(text, sizeof(text), "rule=r-%zu", i);
		items[i] = item_of("env=prod", text, logins_alice, 2);
		index_add(index, items[i]);
	}
	items[CROWD] = item_of("env=prod", "rule=sshd", logins_alice, 2);
	index_add(index, items[CROWD]);
	alert_init(&alert);
	alert.env = xstrdup("prod");
	alert.rule = xstrdup("sshd");
	alert.actor = xstrdup("alice");
	found.alert = &alert;
	index_walk(index, &alert, on_found, &found);

	assert_int_equal(found.counts[WHOLE], 1);
	assert_int_equal(found.late_wholes, 0);
	assert_true(found.counts[NEAR] > 0);
	assert_true(found.calls <= INDEX_NEAR_MAX + 10); /* and the few that might have matched */
	alert_fini(&alert);
	for (size_t i = 0; i <= CROWD; i++)
		item_free(items[i]);
	index_free(index);
	free(items);
}

static bool count_call(void *ctx, struct indexed *item, bool is_near)
{
	(void)item;
	(void)is_near;
	++*(size_t *)ctx;
	return true;
}

/* What cannot match is not even looked at. */
static void index__announcements_of_other_hosts__are_not_looked_at(void **unused)
{
	enum { CROWD = 5000 };
	struct indexed **items = xcalloc(CROWD, sizeof(*items));
	struct index *index = index_new();
	struct alert alert;
	size_t calls = 0;
	char text[32];

	(void)unused;
	for (size_t i = 0; i < CROWD; i++) {
		snprintf(text, sizeof(text), i % 5 == 0 ? "host=h%zu-*" : "host=h%zu", i);
		items[i] = item_of(text, NULL, logins_alice, 2);
		index_add(index, items[i]);
	}
	alert_init(&alert);
	alert.host = xstrdup("h4711");
	alert.actor = xstrdup("mallory");
	index_walk(index, &alert, count_call, &calls);
	assert_int_equal(calls, 1);
	calls = 0;
	replace_text(&alert.actor, NULL);
	index_walk(index, &alert, count_call, &calls);
	assert_int_equal(calls, 1);
	alert_fini(&alert);
	for (size_t i = 0; i < CROWD; i++)
		item_free(items[i]);
	index_free(index);
	free(items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(index__random_announcements__finds_what_a_full_scan_finds),
	    cmocka_unit_test(index__more_near_misses_than_the_bound__loses_no_match),
	    cmocka_unit_test(index__announcements_of_other_hosts__are_not_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
