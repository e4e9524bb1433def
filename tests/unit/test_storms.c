/* Many alerts of one rule are one card, and what is done with it is done with all of them. */
#include "tests/unit/desk_world.h"

#include "handlers/alerts.h"
#include "handlers/storms.h"
#include "handlers/words.h"

static int setup(void **state)
{
	*state = desk_world_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

static void sends(struct desk_world *w, const char *rule, int number, const char *severity)
{
	struct format_result result;
	struct error err = {0};
	char body[256];

	snprintf(body, sizeof(body),
	    "{\"title\":\"t\",\"rule\":\"%s\",\"host\":\"web-%d\",\"actor\":\"a%d\",\"severity\":"
	    "\"%s\"}",
	    rule, number, number % 2, severity);
	assert_true(format_read(
	    w->desk->native, body, strlen(body), "test", true, w->desk->now, &result, &err));
	desk_world_begin(w);
	assert_true(intake(w->desk, result.items[0].alert, &err));
	desk_world_end(w, true);
	format_result_fini(&result);
}

struct spoken_words {
	struct desk_world *w;
	bool delivers;
	int cards, storms;
	char text[512];
	struct word *list[2000];
	size_t count;
};

static bool collect(void *ctx, const struct word *word)
{
	struct spoken_words *said = ctx;

	if (strcmp(word->kind, WORD_CARD) == 0 || strcmp(word->kind, WORD_STORM) == 0) {
		assert_true(said->count < 2000);
		said->list[said->count++] = storage_word(said->w->storage, word->id);
	}
	return true;
}

/* What the courier would say now; with DELIVERS it is said, and the words are gone. */
static void speak(struct desk_world *w, bool delivers, struct spoken_words *said)
{
	*said = (struct spoken_words){.w = w};
	assert_true(storage_each_word(w->storage, WORD_WAITING, 0, 2000, collect, said, NULL));
	for (size_t i = 0; i < said->count; i++) {
		struct word *word = said->list[i];
		struct spoken spoken;
		struct error err = {0};
		char ts[32];
		const struct reply reply = {.ok = true, .channel = "C1", .ts = ts};

		snprintf(ts, sizeof(ts), "%zu.%zu", i + 1, (size_t)word->id);
		desk_world_begin(w);
		assert_true(word_render(w->desk, word, &spoken, &err));
		if (!spoken.is_nothing && strcmp(word->kind, WORD_STORM) == 0) {
			said->storms++;
			snprintf(
			    said->text, sizeof(said->text), "%s", json_text(spoken.body, "text"));
		} else if (!spoken.is_nothing) {
			said->cards++;
		}
		if (delivers) {
			if (!spoken.is_nothing)
				assert_true(word_delivered(w->desk, word, &reply, &(struct word_next){0}, &err));
			assert_true(storage_remove_word(w->storage, word->id, &err));
		}
		desk_world_end(w, true);
		spoken_fini(&spoken);
		word_free(word);
	}
}

static void alerts__of_one_rule__share_a_card_from_one_too_many_on(void **state)
{
	struct desk_world *w = *state;
	struct spoken_words said;

	for (int i = 0; i < 10; i++)
		sends(w, "port-scan", i, "high");
	speak(w, false, &said);
	assert_int_equal(said.cards, 10);
	assert_int_equal(said.storms, 0);

	for (int i = 10; i < 500; i++)
		sends(w, "port-scan", i, "high");
	sends(w, "other", 1, "high");
	sends(w, "port-scan", 1000, "critical");
	speak(w, true, &said);
	assert_int_equal(said.storms, 1);
	assert_int_equal(said.cards, 2); /* the other rule's, and the critical one */
	assert_string_equal(said.text, ":large_orange_circle: HIGH · 500 alerts of port-scan");
}

static void alerts__that_were_posted__are_in_no_storm(void **state)
{
	struct desk_world *w = *state;
	struct spoken_words said;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 10; i++)
			sends(w, "port-scan", round * 10 + i, "high");
		speak(w, true, &said);
		assert_int_equal(said.cards, 10);
		assert_int_equal(said.storms, 0);
	}
}

static void storm__that_was_quiet_for_long__is_over(void **state)
{
	struct desk_world *w = *state;
	struct spoken_words said;

	for (int i = 0; i < 11; i++)
		sends(w, "port-scan", i, "high");
	speak(w, true, &said);
	assert_int_equal(said.storms, 1);
	w->desk->now += STORM_QUIET_S;
	sends(w, "port-scan", 11, "high");
	speak(w, true, &said);
	assert_int_equal(said.cards, 0);
	assert_string_equal(said.text, ":large_orange_circle: HIGH · 12 alerts of port-scan");
	w->desk->now += STORM_QUIET_S + 1;
	sends(w, "port-scan", 12, "high");
	speak(w, true, &said);
	assert_int_equal(said.cards, 1);
	assert_int_equal(said.storms, 0);
}

static void member__that_becomes_critical__gets_a_card_of_its_own(void **state)
{
	struct desk_world *w = *state;
	struct spoken_words said;

	for (int i = 0; i < 11; i++)
		sends(w, "port-scan", i, "high");
	speak(w, true, &said);
	sends(w, "port-scan", 3, "critical");
	speak(w, true, &said);
	assert_int_equal(said.cards, 1);
}

static int count_of(struct desk_world *w, enum alert_status status)
{
	int64_t counts[5];
	struct error err;

	assert_true(storage_count_alerts(w->storage, counts, &err));
	return (int)counts[status];
}

static void storm__acked_and_resolved__is_so_for_all_in_slices(void **state)
{
	const struct actor alice = {.who = "U0ALICE", .via = "slack"};
	struct desk_world *w = *state;
	struct spoken_words said;
	struct error err = {0};
	struct buf text;

	for (int i = 0; i < 250; i++)
		sends(w, "port-scan", i, "high");
	speak(w, true, &said);
	buf_init(&text, 4096);
	desk_world_begin(w);
	assert_true(storm_act(w->desk, &alice, 1, "ack", &text, &err));
	desk_world_end(w, true);
	assert_string_equal(buf_text(&text), "Acking 250 alerts of port-scan");
	assert_int_equal(count_of(w, ALERT_ACKED), STORM_SLICE);
	for (int i = 0; i < 3; i++) {
		desk_world_begin(w);
		assert_true(storms_tick(w->desk, &err));
		desk_world_end(w, true);
	}
	assert_int_equal(count_of(w, ALERT_ACKED), 250);
	buf_reset(&text);
	desk_world_begin(w);
	assert_true(storm_act(w->desk, &alice, 1, "ack", &text, &err));
	desk_world_end(w, true);
	assert_string_equal(buf_text(&text), "S1: nothing of it is left to do that with");
	buf_reset(&text);
	desk_world_begin(w);
	assert_true(storm_act(w->desk, &alice, 1, "resolve", &text, &err));
	desk_world_end(w, true);
	for (int i = 0; i < 3; i++) {
		desk_world_begin(w);
		assert_true(storms_tick(w->desk, &err));
		desk_world_end(w, true);
	}
	assert_int_equal(count_of(w, ALERT_RESOLVED), 250);
	speak(w, true, &said);
	assert_int_equal(said.storms, 1);
	assert_int_equal(said.cards, 0);
	assert_false(storm_act(w->desk, &alice, 99, "ack", &text, &err));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		alerts__of_one_rule__share_a_card_from_one_too_many_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		alerts__that_were_posted__are_in_no_storm, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		storm__that_was_quiet_for_long__is_over, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		member__that_becomes_critical__gets_a_card_of_its_own, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		storm__acked_and_resolved__is_so_for_all_in_slices, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
