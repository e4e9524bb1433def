/*
 * bench_index - what judging one alert costs while 0 to 100 000 announcements stand: 80 in 100 with an equality, 20 with globs only, all
 * bound to one of 2 000 people; alerts with and without an actor. Prints nanoseconds an alert.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "config/base/memory.h"
#include "config/base/when.h"
#include "handlers/announcements.h"

#define PEOPLE 2000
#define ALERTS 4096
#define ROUNDS 25
#define NOW 1772452800

static struct person_config people[PEOPLE];

static void make_people(void)
{
	for (size_t i = 0; i < PEOPLE; i++) {
		people[i].slack = xasprintf("U%07zu", i);
		people[i].logins = xcalloc(1, sizeof(char *));
		people[i].logins[0] = xasprintf("user-%zu", i);
		people[i].login_count = 1;
	}
}

/* The mix: a host; a host and a rule; a service and a rule; a glob of hosts; two globs. */
static void put(struct desk *desk, size_t n)
{
	char *match[2] = {NULL, NULL};
	struct announcement announcement = {
	    .id = (int64_t)n + 1,
	    .author = people[n * 7919 % PEOPLE].slack,
	    .via = "slack",
	    .match = match,
	    .match_count = 1,
	    .created_at = NOW - 60,
	    .starts_at = NOW - 60,
	    .ends_at = NOW + 3600,
	    .state = ANNOUNCEMENT_STANDS,
	    .over_at = TIME_NONE,
	    .approved_at = TIME_NONE,
	    .lease_until = TIME_NONE,
	    .because = "deploy",
	    .max = 50,
	    .channel = "#security-alerts",
	};

	switch (n % 10) {
	case 0:
		match[0] = xasprintf("host=c%zu-*", n / 10);
		break;
	case 1:
		match[0] = xasprintf("host=c%zu-web-*", n / 10);
		match[1] = xasprintf("rule=ssh-*");
		break;
	case 2:
	case 3:
	case 4:
		match[0] = xasprintf("host=c%zu-db-%zu", n / 10, n % 7);
		match[1] = xasprintf("rule=rule-%zu", n % 300);
		break;
	case 5:
		match[0] = xasprintf("service=s-%zu", n / 10);
		match[1] = xasprintf("rule=rule-*");
		break;
	default:
		match[0] = xasprintf("host=c%zu-web-%zu", n / 10, n % 9);
	}
	announcement.match_count = match[1] != NULL ? 2 : 1;
	announcements_put(desk, &announcement, NULL);
	free(match[0]);
	free(match[1]);
}

static void make_alert(struct alert *alert, size_t n, bool has_actor)
{
	alert_init(alert);
	alert->title = xstrdup("sshd: key added");
	alert->host = xasprintf("c%zu-web-%zu", n * 31 % 20000, n % 11);
	alert->rule = xasprintf("rule-%zu", n % 300);
	alert->service = xasprintf("s-%zu", n * 17 % 20000);
	alert->ip = xasprintf("10.0.%zu.%zu", n % 250, n % 240);
	alert->env = xstrdup("prod");
	alert->actor = has_actor ? xasprintf("user-%zu", n * 13 % (PEOPLE * 2)) : NULL;
	alert_add_label(alert, "team", "red");
	alert->received_at = alert->last_seen = NOW;
}

static double run(const struct desk *desk, const struct alert *alerts, size_t kinds[5])
{
	struct timespec begin, end;
	struct verdict verdict;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < ALERTS; i++) {
			announcements_judge(desk, &alerts[i], &verdict);
			kinds[verdict.kind] += round == 0 ? 1 : 0;
		}
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
	       (ROUNDS * ALERTS);
}

int main(void)
{
	static const size_t sizes[] = {0, 1000, 10000, 100000};
	static struct alert alerts[2][ALERTS];
	struct config config = {.people = people,
	    .person_count = PEOPLE,
	    .policy = {.approval_from = SEVERITY_CRITICAL}};
	struct desk desk = {.config = &config, .now = NOW};
	size_t count = 0;

	make_people();
	for (size_t i = 0; i < ALERTS; i++) {
		make_alert(&alerts[0][i], i, true);
		make_alert(&alerts[1][i], i, false);
	}
	desk.announcements = announcements_new();
	printf("%-14s %22s %22s   expected, near, other actor (with an actor; without)\n",
	    "announcements", "ns an alert, actor", "ns, no actor");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t kinds[2][5] = {{0}, {0}};
		double with, without;

		while (count < sizes[i])
			put(&desk, count++);
		with = run(&desk, alerts[0], kinds[0]);
		without = run(&desk, alerts[1], kinds[1]);
		printf("%-14zu %22.0f %22.0f   %zu %zu %zu; %zu %zu %zu\n", sizes[i], with, without,
		    kinds[0][VERDICT_EXPECTED], kinds[0][VERDICT_NEAR_MISS],
		    kinds[0][VERDICT_OTHER_ACTOR], kinds[1][VERDICT_EXPECTED],
		    kinds[1][VERDICT_NEAR_MISS], kinds[1][VERDICT_OTHER_ACTOR]);
	}
	announcements_free(desk.announcements);
	for (size_t i = 0; i < ALERTS; i++) {
		alert_fini(&alerts[0][i]);
		alert_fini(&alerts[1][i]);
	}
	for (size_t i = 0; i < PEOPLE; i++) {
		free(people[i].slack);
		free(people[i].logins[0]);
		free(people[i].logins);
	}
	return 0;
}
