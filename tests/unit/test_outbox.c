#include "config/base/log.h"
#include "tests/unit/storage_world.h"

#include <inttypes.h>
#include <time.h>

/* ---- saying it in short --------------------------------------------------------------------------------- */

/* A word that may go at once; its id. */
static int64_t add(struct world *w, const char *lane, const char *subject, int64_t priority)
{
	struct word word = {.lane = (char *)lane,
	    .kind = "card",
	    .subject = (char *)subject,
	    .priority = priority,
	    .not_before = TIME_NONE,
	    .deadline = TIME_NONE,
	    .created_at = NOON};
	struct error err = {0};

	assert_ok(storage_add_word(w->storage, &word, &err), err);
	assert_true(word.id > 0);
	return word.id;
}

/* The same, later or coalescing. */
static int64_t add_later(
    struct world *w, const char *coalesce, int64_t not_before, int64_t priority)
{
	struct word word = {.lane = "slack:#a",
	    .kind = "card",
	    .subject = "A1",
	    .coalesce = (char *)coalesce,
	    .priority = priority,
	    .not_before = not_before,
	    .deadline = TIME_NONE,
	    .created_at = NOON};
	struct error err = {0};

	assert_ok(storage_add_word(w->storage, &word, &err), err);
	return word.id;
}

/* Puts the word into STATE, to go not before NOT_BEFORE. */
static void put(struct world *w, int64_t id, enum word_state state, int64_t not_before)
{
	struct word *word = storage_word(w->storage, id);
	struct error err = {0};

	assert_non_null(word);
	word->state = state;
	word->not_before = not_before;
	word->attempts++;
	assert_ok(storage_put_word(w->storage, word, &err), err);
	word_free(word);
}

static void drop(struct world *w, int64_t id)
{
	struct error err = {0};

	assert_ok(storage_remove_word(w->storage, id, &err), err);
}

static bool collect(void *ctx, const struct word *word)
{
	char *text = ctx;
	size_t len = strlen(text);

	snprintf(text + len, 200 - len, "%" PRId64 " ", word->id);
	return true;
}

static void assert_due(
    struct world *w, const char *lane, int64_t now, size_t limit, const char *ids)
{
	struct error err = {0};
	char text[200] = "";

	assert_ok(storage_each_due_word(w->storage, lane, now, limit, collect, text, &err), err);
	assert_string_equal(text, ids);
}

static bool collect_lane(void *ctx, const char *lane)
{
	char *text = ctx;
	size_t len = strlen(text);

	snprintf(text + len, 200 - len, "%s ", lane);
	return true;
}

static void assert_lanes(struct world *w, const char *lanes)
{
	struct error err = {0};
	char text[200] = "";

	assert_ok(storage_each_lane(w->storage, collect_lane, text, &err), err);
	assert_string_equal(text, lanes);
}

/* ---- words as they are ---------------------------------------------------------------------------------- */

static void assert_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void assert_same(const struct word *a, const struct word *b)
{
	assert_int_equal(a->id, b->id);
	assert_text(a->lane, b->lane);
	assert_text(a->kind, b->kind);
	assert_text(a->subject, b->subject);
	assert_text(a->coalesce, b->coalesce);
	assert_text(a->body, b->body);
	assert_text(a->problem, b->problem);
	assert_int_equal(a->priority, b->priority);
	assert_int_equal(a->not_before, b->not_before);
	assert_int_equal(a->deadline, b->deadline);
	assert_int_equal(a->created_at, b->created_at);
	assert_int_equal(a->attempts, b->attempts);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->is_unsure, b->is_unsure);
	assert_int_equal(a->is_plain, b->is_plain);
}

static void word__every_field__comes_back_new_and_changed(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct word word = {.lane = "slack:#s\xC3\xA9"
				    "curit\xC3\xA9",
	    .kind = "card",
	    .subject = "A1",
	    .coalesce = "card A1 '; --",
	    .body = "{\"text\": \"\xF0\x9F\x94\xA5\"}",
	    .priority = -3,
	    .not_before = NOON + 5,
	    .deadline = NOON + 3,
	    .created_at = NOON,
	    .attempts = 2,
	    .state = WORD_WAITING,
	    .is_plain = true,
	    .problem = "slow \"down\""};
	struct word *back;

	assert_ok(storage_add_word(w->storage, &word, &err), err);
	world_commits(w);
	world_reopen(w);
	back = storage_word(w->storage, word.id);
	assert_same(&word, back);
	word_free(back);

	word.state = WORD_STUCK;
	word.attempts = 3;
	word.not_before = TIME_NONE;
	word.is_unsure = true;
	word.is_plain = false;
	word.problem = NULL;
	assert_ok(storage_put_word(w->storage, &word, &err), err);
	back = storage_word(w->storage, word.id);
	assert_same(&word, back);
	word_free(back);

	drop(w, word.id);
	assert_null(storage_word(w->storage, word.id));
	assert_false(storage_put_word(w->storage, &word, &err));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

static void word__removed__never_lends_its_id_to_another(void **state)
{
	struct world *w = *state;
	int64_t id = add(w, "slack:#a", "A1", 0);

	drop(w, id);
	world_commits(w);
	world_reopen(w);
	assert_int_equal(add(w, "slack:#a", "A1", 0), id + 1);
}

/* ---- whose turn it is ----------------------------------------------------------------------------------- */

static void due__words_of_many_subjects__go_by_priority_then_age(void **state)
{
	struct world *w = *state;

	add(w, "slack:#a", "A1", 5);
	add(w, "slack:#a", "A2", 1);
	add(w, "slack:#a", "A3", 5);
	add(w, "slack:#a", "A4", 1);
	add(w, "slack:#b", "A5", 0);
	put(w, add(w, "slack:#a", "A6", 3), WORD_WAITING, NOON - 1); /* was tried, may go again */

	assert_due(w, "slack:#a", NOON, 10, "2 4 6 1 3 ");
	assert_due(w, "slack:#a", NOON, 3, "2 4 6 ");
	assert_due(w, "slack:#a", NOON, 0, "");
	assert_due(w, "slack:#b", NOON, 10, "5 ");
	assert_due(w, "slack:#c", NOON, 10, "");
	assert_due(w, "slack:#a' OR 1=1 --", NOON, 10, "");
}

static void due__before_its_time__does_not_go(void **state)
{
	struct world *w = *state;

	put(w, add(w, "slack:#a", "A1", 0), WORD_WAITING, NOON + 10);
	assert_due(w, "slack:#a", NOON + 9, 10, "");
	assert_due(w, "slack:#a", NOON + 10, 10, "1 ");
}

static void due__an_older_word_of_the_subject_unfinished__waits_for_it(void **state)
{
	struct world *w = *state;

	add(w, "slack:#a", "A1", 5);
	add(w, "slack:#a", "A1", 0); /* better priority, yet second */
	add(w, "slack:#a", "A1", 0);
	add(w, "slack:#b", "A1", 0); /* another lane */
	assert_due(w, "slack:#a", NOON, 10, "1 ");
	assert_due(w, "slack:#b", NOON, 10, "4 ");

	put(w, 1, WORD_SENDING, TIME_NONE);
	assert_due(w, "slack:#a", NOON, 10, "");
	put(w, 1, WORD_STUCK, TIME_NONE);
	assert_due(w, "slack:#a", NOON, 10, "");
	put(w, 1, WORD_WAITING, NOON + 60);
	assert_due(w, "slack:#a", NOON, 10, "");
	put(w, 1, WORD_WAITING, TIME_NONE);
	assert_due(w, "slack:#a", NOON, 10, "1 ");
	drop(w, 1);
	assert_due(w, "slack:#a", NOON, 10, "2 ");
	put(w, 2, WORD_DEAD, TIME_NONE);
	assert_due(w, "slack:#a", NOON, 10, "3 ");
	drop(w, 2); /* dead: nobody waited for it */
	assert_due(w, "slack:#a", NOON, 10, "3 ");
	drop(w, 3);
	add(w, "slack:#a", "A1", 0);
	assert_due(w, "slack:#a", NOON, 10, "5 ");
}

static void due__a_younger_word_removed__lets_the_older_one_be(void **state)
{
	struct world *w = *state;

	add(w, "slack:#a", "A1", 0);
	add(w, "slack:#a", "A1", 0);
	add(w, "slack:#a", "A1", 0);
	drop(w, 2);
	assert_due(w, "slack:#a", NOON, 10, "1 ");
	put(w, 3, WORD_DEAD, TIME_NONE);
	assert_due(w, "slack:#a", NOON, 10, "1 ");
	drop(w, 1);
	assert_due(w, "slack:#a", NOON, 10, "");
}

static void due__a_dead_word_tried_again__stands_in_front_of_the_younger(void **state)
{
	struct world *w = *state;

	add(w, "slack:#a", "A1", 0);
	add(w, "slack:#a", "A1", 0);
	put(w, 1, WORD_DEAD, TIME_NONE);
	assert_due(w, "slack:#a", NOON, 10, "2 ");
	put(w, 1, WORD_WAITING, TIME_NONE);
	assert_due(w, "slack:#a", NOON, 10, "1 ");
	drop(w, 1);
	assert_due(w, "slack:#a", NOON, 10, "2 ");
}

static void due__about_nothing__waits_for_nobody(void **state)
{
	struct world *w = *state;

	add(w, "slack:", "", 0);
	add(w, "slack:", "", 0);
	put(w, 1, WORD_STUCK, TIME_NONE);
	assert_due(w, "slack:", NOON, 10, "2 ");
}

static void due__undone_with_its_event__is_as_it_was(void **state)
{
	struct world *w = *state;

	add(w, "slack:#a", "A1", 0);
	add(w, "slack:#a", "A1", 0);
	world_begins(w);
	drop(w, 1);
	add(w, "slack:#a", "A2", 0);
	assert_due(w, "slack:#a", NOON, 10, "2 3 ");
	world_ends(w, false);
	assert_due(w, "slack:#a", NOON, 10, "1 ");
}

struct taker {
	struct world *world;
	int count;
};

static bool take(void *ctx, const struct word *word)
{
	struct taker *taker = ctx;

	put(taker->world, word->id, WORD_SENDING, TIME_NONE);
	taker->count++;
	return taker->count < 3;
}

static void due__changed_while_it_is_told__is_told_as_it_was(void **state)
{
	struct world *w = *state;
	struct taker taker = {.world = w};
	struct error err = {0};

	for (int i = 0; i < 4; i++) {
		add(w, "slack:#a", "A1", 0);
		add(w, "slack:#a", "", 0);
	}
	assert_ok(storage_each_due_word(w->storage, "slack:#a", NOON, 10, take, &taker, &err), err);
	assert_int_equal(taker.count, 3);
	assert_due(w, "slack:#a", NOON, 10, "6 8 ");
}

/* ---- lanes ---------------------------------------------------------------------------------------------- */

static void lanes__those_in_which_something_waits__are_told_once(void **state)
{
	struct world *w = *state;

	assert_lanes(w, "");
	add(w, "slack:#b", "A1", 0);
	add(w, "slack:#b", "A2", 0);
	add(w, "pagerduty:0123", "A1", 0);
	put(w, add(w, "slack:#sending", "A1", 0), WORD_SENDING, TIME_NONE);
	put(w, add(w, "slack:#stuck", "A1", 0), WORD_STUCK, TIME_NONE);
	put(w, add(w, "slack:#dead", "A1", 0), WORD_DEAD, TIME_NONE);
	put(w, add(w, "slack:#later", "A1", 0), WORD_WAITING, NOON + 60);
	add(w, "slack:#stuck", "A1", 0);
	assert_lanes(w, "pagerduty:0123 slack:#b slack:#later ");
}

static void lane_due_at__of_what_waits__is_the_earliest(void **state)
{
	struct world *w = *state;

	assert_int_equal(storage_lane_due_at(w->storage, "slack:#a"), TIME_NONE);
	put(w, add(w, "slack:#a", "A1", 0), WORD_WAITING, NOON + 60);
	put(w, add(w, "slack:#a", "A2", 9), WORD_WAITING, NOON + 30);
	put(w, add(w, "slack:#b", "A2", 9), WORD_WAITING, NOON + 10);
	assert_int_equal(storage_lane_due_at(w->storage, "slack:#a"), NOON + 30);
	add(w, "slack:#a", "A1", 0); /* held up by the first */
	assert_int_equal(storage_lane_due_at(w->storage, "slack:#a"), NOON + 30);
	add(w, "slack:#a", "A3", 0);
	assert_int_equal(storage_lane_due_at(w->storage, "slack:#a"), 0);
}

/* ---- coalescing ----------------------------------------------------------------------------------------- */

static void coalesce__while_the_same_waits__adds_nothing(void **state)
{
	struct world *w = *state;

	assert_int_equal(add_later(w, "card A1", TIME_NONE, 0), 1);
	assert_int_equal(add_later(w, "card A1", TIME_NONE, 0), 0);
	assert_int_equal(add_later(w, "card A2", TIME_NONE, 0), 2);
	assert_int_equal(add_later(w, NULL, TIME_NONE, 0), 3);
	assert_int_equal(add_later(w, NULL, TIME_NONE, 0), 4);
	put(w, 1, WORD_SENDING,
	    TIME_NONE); /* it is on its way with the facts of before: a new one is needed */
	assert_int_equal(add_later(w, "card A1", TIME_NONE, 0), 5);
	assert_int_equal(add_later(w, "card A1", TIME_NONE, 0), 0);
	put(w, 1, WORD_WAITING, TIME_NONE);
	drop(w, 5);
	assert_int_equal(add_later(w, "card A1", TIME_NONE, 0), 0);
}

static void coalesce__with_one_that_goes_later__hurries_it(void **state)
{
	struct world *w = *state;

	add_later(w, "card A1", NOON + 60, 5);
	add_later(w, "card A1", NOON + 90, 7);
	assert_int_equal(storage_lane_due_at(w->storage, "slack:#a"), NOON + 60);
	add_later(w, "card A1", NOON + 30, 7);
	assert_int_equal(storage_lane_due_at(w->storage, "slack:#a"), NOON + 30);
	add_later(w, "card A1", NOON + 90, 2);
	assert_int_equal(storage_lane_due_at(w->storage, "slack:#a"), NOON + 30);
	assert_int_equal(world_number(w, "SELECT priority FROM outbox"), 2);
	add_later(w, "card A1", TIME_NONE, 9);
	assert_int_equal(storage_lane_due_at(w->storage, "slack:#a"), 0);
	add_later(w, "card A1", NOON + 90, 9);
	assert_int_equal(storage_lane_due_at(w->storage, "slack:#a"), 0);
	assert_int_equal(world_number(w, "SELECT priority FROM outbox"), 2);
}

static void coalesce__with_one_that_was_told_to_wait__leaves_it_its_time(void **state)
{
	struct world *w = *state;

	add_later(w, "card A1", TIME_NONE, 5);
	put(w, 1, WORD_WAITING, NOON + 60); /* Slack said: Retry-After */
	add_later(w, "card A1", TIME_NONE, 1);
	assert_int_equal(storage_lane_due_at(w->storage, "slack:#a"), NOON + 60);
	assert_int_equal(world_number(w, "SELECT priority FROM outbox"), 1);
}

/* ---- after a crash, and what people see ----------------------------------------------------------------- */

static void recover__what_was_being_sent__waits_again_and_is_unsure(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct word *word;
	size_t count = 99;

	for (int i = 0; i < 4; i++)
		add(w, "slack:#a", "", 0);
	put(w, 1, WORD_SENDING, TIME_NONE);
	put(w, 3, WORD_SENDING, TIME_NONE);
	put(w, 4, WORD_STUCK, TIME_NONE);
	world_commits(w);
	world_reopen(w);
	assert_due(w, "slack:#a", NOON, 10, "2 ");
	assert_ok(storage_recover_words(w->storage, &count, &err), err);
	assert_int_equal(count, 2);

	assert_due(w, "slack:#a", NOON, 10, "1 2 3 ");
	word = storage_word(w->storage, 1);
	assert_true(word->is_unsure);
	word_free(word);
	word = storage_word(w->storage, 2);
	assert_false(word->is_unsure);
	word_free(word);
	assert_ok(storage_recover_words(w->storage, &count, &err), err);
	assert_int_equal(count, 0);
}

static void each_word__by_state__is_told_oldest_first(void **state)
{
	static const struct {
		int state;
		int64_t after;
		size_t limit;
		const char *ids;
	} cases[] = {
	    {-1, 0, 100, "1 2 3 4 5 6 7 8 "},
	    {-1, 3, 2, "4 5 "},
	    {WORD_WAITING, 0, 100, "1 5 "},
	    {WORD_SENDING, 0, 100, "2 6 "},
	    {WORD_STUCK, 0, 1, "3 "},
	    {WORD_STUCK, 3, 100, "7 "},
	    {WORD_DEAD, 0, 100, "4 8 "},
	    {WORD_DEAD, 8, 100, ""},
	};
	struct world *w = *state;
	struct error err = {0};

	for (int i = 0; i < 8; i++)
		put(w, add(w, "slack:#a", "", 0), (enum word_state)(i % 4), TIME_NONE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[200] = "";

		assert_ok(storage_each_word(w->storage, cases[i].state, cases[i].after,
			      cases[i].limit, collect, text, &err),
		    err);
		assert_string_equal(text, cases[i].ids);
	}
}

static void count_words__by_state__and_the_oldest_unfinished(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	int64_t counts[4], oldest;

	assert_ok(storage_count_words(w->storage, counts, &oldest, &err), err);
	assert_int_equal(counts[WORD_WAITING], 0);
	assert_int_equal(oldest, TIME_NONE);
	for (int i = 0; i < 6; i++)
		add(w, "slack:#a", "", 0);
	put(w, 1, WORD_DEAD, TIME_NONE);
	put(w, 2, WORD_STUCK, TIME_NONE);
	put(w, 3, WORD_SENDING, TIME_NONE);
	assert_ok(storage_count_words(w->storage, counts, &oldest, &err), err);
	assert_int_equal(counts[WORD_WAITING], 3);
	assert_int_equal(counts[WORD_SENDING], 1);
	assert_int_equal(counts[WORD_STUCK], 1);
	assert_int_equal(counts[WORD_DEAD], 1);
	assert_int_equal(oldest, NOON);
	assert_ok(storage_count_words(w->storage, counts, NULL, &err), err);
}

static void sweep__dead_words__go_when_they_are_old(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	size_t removed;

	for (int i = 0; i < 4; i++)
		put(w, add(w, "slack:#a", "A1", 0), (enum word_state)i, TIME_NONE);
	assert_ok(storage_sweep(w->storage, NOON, NOON, 10, &removed, &err), err);
	assert_int_equal(removed, 0);
	assert_ok(storage_sweep(w->storage, NOON + 1, NOON, 10, &removed, &err), err);
	assert_int_equal(removed, 1);
	assert_null(storage_word(w->storage, 4));
}

/* ---- the same, thought out by a machine ------------------------------------------------------------------ */

/* What the header promises, asked the slow way. */
static bool is_due(struct world *w, int64_t id)
{
	char text[512];

	snprintf(text, sizeof(text),
	    "SELECT count(*) FROM outbox AS w WHERE id = %" PRId64
	    " AND state = 0 AND (not_before IS NULL OR not_before <= %d) "
	    "AND (subject = '' OR NOT EXISTS (SELECT 1 FROM outbox AS o NOT INDEXED WHERE o.lane = "
	    "w.lane "
	    "AND o.subject = w.subject AND o.id < w.id AND o.state <> 3))",
	    id, NOON);
	return world_number(w, text) == 1;
}

struct due_set {
	bool due[400];
};

static bool mark(void *ctx, const struct word *word)
{
	struct due_set *set = ctx;

	set->due[word->id] = true;
	return true;
}

static void assert_due_as_promised(struct world *w, int64_t last)
{
	static const char *const lanes[] = {"slack:#a", "slack:#b"};
	struct due_set set = {0};
	struct error err = {0};

	for (size_t i = 0; i < 2; i++)
		assert_ok(
		    storage_each_due_word(w->storage, lanes[i], NOON, 1000, mark, &set, &err), err);
	for (int64_t id = 1; id <= last; id++)
		assert_int_equal(set.due[id], is_due(w, id));
}

static void due__after_any_sequence_of_changes__is_what_is_promised(void **state)
{
	static const char *const lanes[] = {"slack:#a", "slack:#b"}, *const subjects[] = {
									 "A1", "A2", "H1", ""};
	struct world *w = *state;
	uint32_t dice = 20260302;
	int64_t last = 0;

	for (int step = 0; step < 600; step++) {
		struct word *word;
		int64_t id;

		dice = dice * 1664525u + 1013904223u;
		id = last > 0 ? 1 + (dice >> 8) % last : 0;
		word = id > 0 ? storage_word(w->storage, id) : NULL;
		if (word == NULL && last < 390)
			last = add(
			    w, lanes[(dice >> 4) & 1], subjects[(dice >> 5) & 3], (dice >> 7) & 3);
		else if (word != NULL && (dice >> 28) < 4)
			drop(w, id);
		else if (word != NULL)
			put(w, id, (enum word_state)((dice >> 26) & 3),
			    (dice >> 25) & 1 ? TIME_NONE : NOON + 30);
		if (word != NULL && last < 390 && (dice >> 24 & 1) == 0)
			last = add(
			    w, lanes[(dice >> 4) & 1], subjects[(dice >> 5) & 3], (dice >> 7) & 3);
		word_free(word);
		if (step % 20 == 0)
			assert_due_as_promised(w, last);
	}
	assert_true(last > 100);
	assert_due_as_promised(w, last);
}

/* ---- a deep backlog ------------------------------------------------------------------------------------- */

#define BACKLOG 100000
#define ASKED 200    /* times */
#define SLOW_US 2000 /* for one question; a walk over the backlog takes ten times that */

static double cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void fill(struct world *w)
{
	struct error err = {0};

	world_begins(w);
	for (int i = 0; i < BACKLOG; i++) {
		char subject[16];
		struct word word = {.lane = i % 100 ? "slack:#deep" : "slack:#other",
		    .kind = "card",
		    .subject = subject,
		    .priority = 5,
		    .not_before = i % 2 ? TIME_NONE : NOON + 60,
		    .deadline = TIME_NONE,
		    .created_at = NOON};

		/* Half of them wait behind an older word of their subject. */
		snprintf(subject, sizeof(subject), "A%d", i / 4);
		assert_ok(storage_add_word(w->storage, &word, &err), err);
	}
	world_ends(w, true);
	world_commits(w);
}

static void backlog__of_a_hundred_thousand__costs_the_questions_nothing(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	double before;

	fill(w);
	before = cpu_us();
	for (int i = 0; i < ASKED; i++) {
		char text[200] = "";

		assert_ok(storage_each_lane(w->storage, collect_lane, text, &err), err);
		assert_string_equal(text, "slack:#deep slack:#other ");
		text[0] = '\0';
		assert_ok(
		    storage_each_due_word(w->storage, "slack:#deep", NOON, 16, collect, text, &err),
		    err);
		assert_true(storage_lane_due_at(w->storage, "slack:#deep") != TIME_NONE);
	}
	assert_true((cpu_us() - before) / ASKED < SLOW_US);
}

static int quiet(void **state)
{
	(void)state;
	log_setup(LOG_ERROR, false);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(word__every_field__comes_back_new_and_changed),
	    TEST(word__removed__never_lends_its_id_to_another),
	    TEST(due__words_of_many_subjects__go_by_priority_then_age),
	    TEST(due__before_its_time__does_not_go),
	    TEST(due__an_older_word_of_the_subject_unfinished__waits_for_it),
	    TEST(due__a_younger_word_removed__lets_the_older_one_be),
	    TEST(due__a_dead_word_tried_again__stands_in_front_of_the_younger),
	    TEST(due__about_nothing__waits_for_nobody),
	    TEST(due__undone_with_its_event__is_as_it_was),
	    TEST(due__changed_while_it_is_told__is_told_as_it_was),
	    TEST(lanes__those_in_which_something_waits__are_told_once),
	    TEST(lane_due_at__of_what_waits__is_the_earliest),
	    TEST(coalesce__while_the_same_waits__adds_nothing),
	    TEST(coalesce__with_one_that_goes_later__hurries_it),
	    TEST(coalesce__with_one_that_was_told_to_wait__leaves_it_its_time),
	    TEST(recover__what_was_being_sent__waits_again_and_is_unsure),
	    TEST(each_word__by_state__is_told_oldest_first),
	    TEST(count_words__by_state__and_the_oldest_unfinished),
	    TEST(sweep__dead_words__go_when_they_are_old),
	    TEST(due__after_any_sequence_of_changes__is_what_is_promised),
	    TEST(backlog__of_a_hundred_thousand__costs_the_questions_nothing),
	};

	return cmocka_run_group_tests_name("outbox", tests, quiet, NULL);
}
