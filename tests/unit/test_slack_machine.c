#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "bot/slack_machine.h"

static int rows_of(enum slack_state in, enum slack_event on)
{
	int count = 0;

	for (size_t i = 0; i < slack_transition_count; i++)
		count += slack_transitions[i].in == in && slack_transitions[i].on == on;
	return count;
}

static bool is_impossible(enum slack_state in, enum slack_event on)
{
	for (size_t i = 0; i < slack_impossible_count; i++) {
		if (slack_impossible[i].in == in && (slack_impossible[i].on_mask & (1u << on)) != 0)
			return true;
	}
	return false;
}

static void machine__every_state_and_event__has_one_row_or_cannot_be(void **state)
{
	(void)state;
	for (int in = 0; in < SLACK_STATE_COUNT; in++) {
		for (int on = 0; on < SLACK_EVENT_COUNT; on++) {
			int rows = rows_of((enum slack_state)in, (enum slack_event)on);

			if (rows > 1)
				fail_msg("state %d event %d: %d rows", in, on, rows);
			if ((rows == 1) ==
			    is_impossible((enum slack_state)in, (enum slack_event)on))
				fail_msg("state %d event %d: %s", in, on,
				    rows == 1 ? "a row, and impossible" : "forgotten");
		}
	}
}

static void machine__every_row__does_something(void **state)
{
	(void)state;
	for (size_t i = 0; i < slack_transition_count; i++)
		assert_non_null(slack_transitions[i].act);
}

static void machine__every_state__can_be_reached_and_stopped(void **state)
{
	bool reached[SLACK_STATE_COUNT] = {[SLACK_IDLE] = true};
	bool grows = true;

	(void)state;
	while (grows) {
		grows = false;
		for (size_t i = 0; i < slack_transition_count; i++) {
			if (!reached[slack_transitions[i].in] || reached[slack_transitions[i].to])
				continue;
			reached[slack_transitions[i].to] = grows = true;
		}
	}

	for (int in = 0; in < SLACK_STATE_COUNT; in++) {
		assert_true(reached[in]);
		assert_int_equal(rows_of((enum slack_state)in, SLACK_STOP), 1);
	}
}

/* No state but the last is one that nothing leads out of. */
static void machine__every_state_but_stopped__leads_back_to_asking(void **state)
{
	bool leads[SLACK_STATE_COUNT] = {[SLACK_ASKING] = true};
	bool grows = true;

	(void)state;
	while (grows) {
		grows = false;
		for (size_t i = 0; i < slack_transition_count; i++) {
			/* A reload and the start are a person's; they must not be needed. */
			if (slack_transitions[i].on == SLACK_RELOAD ||
			    leads[slack_transitions[i].in] || !leads[slack_transitions[i].to])
				continue;
			leads[slack_transitions[i].in] = grows = true;
		}
	}

	for (int in = 0; in < SLACK_STATE_COUNT; in++)
		assert_int_equal(leads[in], in != SLACK_STOPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(machine__every_state_and_event__has_one_row_or_cannot_be),
	    cmocka_unit_test(machine__every_row__does_something),
	    cmocka_unit_test(machine__every_state__can_be_reached_and_stopped),
	    cmocka_unit_test(machine__every_state_but_stopped__leads_back_to_asking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
