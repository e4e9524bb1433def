#include "tests/unit/bot_world.h"

#define FAR_MS 3600000
#define CALLS_MAX 16

/* What was called, in order: "a+" is A released as stored, "a-" as not stored. */
struct calls {
	struct bot_world *world;
	char text[CALLS_MAX * 3];
};
struct held {
	struct calls *calls;
	char name;
	void (*besides)(struct held *held); /* what its release does besides; NULL: nothing */
	struct held *other;
};

static int setup(void **state)
{
	*state = bot_world_new();
	return 0;
}

static int teardown(void **state)
{
	bot_world_disk_fails(false);
	bot_world_free(*state);
	return 0;
}

static void called(struct calls *calls, char name, bool stored)
{
	size_t len = strlen(calls->text);

	assert_true(len + 3 < sizeof(calls->text));
	snprintf(calls->text + len, sizeof(calls->text) - len, "%c%c", name, stored ? '+' : '-');
}

static void released(void *ctx, bool stored)
{
	struct held *held = ctx;

	called(held->calls, held->name, stored);
	if (held->besides != NULL)
		held->besides(held);
}

static void forget_other(struct held *held)
{
	loop_forget(&held->calls->world->loop, held->other);
}

static void hold_other(struct held *held)
{
	loop_after_commit(&held->calls->world->loop, released, held->other);
}

/* An event that remembers KEY; says whether it was known. */
static bool saw(struct bot_world *world, const char *key, bool keep)
{
	struct error err = {0};
	bool again = false;

	assert_true(loop_event(&world->loop, &err));
	assert_true(storage_see(world->storage, key, world->desk->now, 3600, &again, &err));
	assert_true(loop_event_end(&world->loop, keep, &err));
	return again;
}

static void turn(struct bot_world *world)
{
	uv_run(&world->uv, UV_RUN_NOWAIT);
}

static void turn__without_an_event__makes_no_transaction(void **state)
{
	struct bot_world *world = *state;

	turn(world);

	assert_int_equal(world->loop.commits, 0);
}

static void event__ended__is_committed_at_the_end_of_the_turn(void **state)
{
	struct bot_world *world = *state;

	saw(world, "a", true);
	assert_true(storage_is_dirty(world->storage));
	turn(world);

	assert_false(storage_is_dirty(world->storage));
	assert_int_equal(world->loop.commits, 1);
	assert_true(saw(world, "a", true));
}

static void events__several_in_a_turn__share_one_transaction(void **state)
{
	struct bot_world *world = *state;

	saw(world, "a", true);
	saw(world, "b", true);
	saw(world, "c", true);
	turn(world);

	assert_int_equal(world->loop.commits, 1);
}

static void event__not_kept__leaves_the_others(void **state)
{
	struct bot_world *world = *state;

	saw(world, "a", true);
	saw(world, "b", false);
	turn(world);

	assert_true(saw(world, "a", true));
	assert_false(saw(world, "b", true));
}

static void event__opened__tells_the_desk_the_time(void **state)
{
	struct bot_world *world = *state;

	world->desk->now = 0;
	saw(world, "a", true);

	assert_true(world->desk->now > 1600000000);
}

static void on_due(uv_timer_t *timer)
{
	saw(timer->data, "due", true);
}

static void on_far(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("the loop slept on what was not committed");
}

static void event__of_a_timer__is_committed_before_the_loop_sleeps(void **state)
{
	struct bot_world *world = *state;
	uv_timer_t due, far;

	uv_timer_init(&world->uv, &due);
	uv_timer_init(&world->uv, &far);
	due.data = world;
	uv_timer_start(&due, on_due, 0, 0);
	uv_timer_start(&far, on_far, FAR_MS, 0);
	uv_run(&world->uv, UV_RUN_ONCE);

	assert_int_equal(world->loop.commits, 1);
	uv_close((uv_handle_t *)&due, NULL);
	uv_close((uv_handle_t *)&far, NULL);
	turn(world);
}

static void releases__after_the_commit__run_once_and_in_order(void **state)
{
	struct bot_world *world = *state;
	struct calls calls = {.world = world};
	struct held a = {&calls, 'a', NULL, NULL}, b = {&calls, 'b', NULL, NULL};

	saw(world, "a", true);
	loop_after_commit(&world->loop, released, &a);
	loop_after_commit(&world->loop, released, &b);
	assert_string_equal(calls.text, "");
	turn(world);
	turn(world);

	assert_string_equal(calls.text, "a+b+");
}

static void releases__more_than_there_was_room_for__all_run(void **state)
{
	enum { MANY = 1000 };
	struct bot_world *world = *state;
	static struct held held[MANY];
	struct calls calls[MANY];

	for (int i = 0; i < MANY; i++) {
		calls[i] = (struct calls){.world = world};
		held[i] = (struct held){&calls[i], 'a', NULL, NULL};
		loop_after_commit(&world->loop, released, &held[i]);
	}
	turn(world);

	for (int i = 0; i < MANY; i++)
		assert_string_equal(calls[i].text, "a+");
}

static void release__forgotten__does_not_run(void **state)
{
	struct bot_world *world = *state;
	struct calls calls = {.world = world};
	struct held a = {&calls, 'a', NULL, NULL}, b = {&calls, 'b', NULL, NULL};

	loop_after_commit(&world->loop, released, &a);
	loop_after_commit(&world->loop, released, &b);
	loop_forget(&world->loop, &a);
	turn(world);

	assert_string_equal(calls.text, "b+");
}

static void release__forgotten_by_another_release__does_not_run(void **state)
{
	struct bot_world *world = *state;
	struct calls calls = {.world = world};
	struct held b = {&calls, 'b', NULL, NULL}, a = {&calls, 'a', forget_other, &b};

	loop_after_commit(&world->loop, released, &a);
	loop_after_commit(&world->loop, released, &b);
	turn(world);

	assert_string_equal(calls.text, "a+");
}

static void release__held_back_by_another_release__waits_for_the_next_commit(void **state)
{
	struct bot_world *world = *state;
	struct calls calls = {.world = world};
	struct held b = {&calls, 'b', NULL, NULL}, a = {&calls, 'a', hold_other, &b};

	loop_after_commit(&world->loop, released, &a);
	turn(world);
	assert_string_equal(calls.text, "a+");
	turn(world);

	assert_string_equal(calls.text, "a+b+");
	assert_int_equal(world->loop.commits, 2);
}

static void plan(void *ctx)
{
	struct calls *calls = ctx;

	called(calls, 'p', true);
	saw(calls->world, "planned", true);
}

static void go(void *ctx, bool stored)
{
	called(ctx, 'g', stored);
}

static void courier__of_a_turn__plans_into_its_transaction_and_goes_after_the_releases(void **state)
{
	struct bot_world *world = *state;
	struct calls calls = {.world = world};
	struct held a = {&calls, 'a', NULL, NULL};

	world->loop.courier = &calls;
	world->loop.plan = plan;
	world->loop.go = go;
	turn(world);
	assert_string_equal(calls.text, "");
	saw(world, "a", true);
	loop_after_commit(&world->loop, released, &a);
	turn(world);
	turn(world);

	assert_string_equal(calls.text, "p+a+g+");
	assert_int_equal(world->loop.commits, 1);
	world->loop.plan = NULL;
	assert_true(saw(world, "planned", true));
}

static void commit__fails__says_so_to_everyone_and_keeps_nothing(void **state)
{
	struct bot_world *world = *state;
	struct calls calls = {.world = world};
	struct held a = {&calls, 'a', NULL, NULL};

	world->loop.courier = &calls;
	world->loop.go = go;
	saw(world, "a", true);
	loop_after_commit(&world->loop, released, &a);
	bot_world_disk_fails(true);
	turn(world);
	bot_world_disk_fails(false);

	assert_string_equal(calls.text, "a-g-");
	assert_int_equal(world->loop.commits, 0);
	assert_int_equal(world->loop.failures, 1);
	assert_true(world->loop.is_failing);
	assert_false(saw(world, "a", true));
}

static void commit__after_one_that_failed__works_again(void **state)
{
	struct bot_world *world = *state;
	struct calls calls = {.world = world};
	struct held a = {&calls, 'a', NULL, NULL};

	saw(world, "a", true);
	bot_world_disk_fails(true);
	turn(world);
	bot_world_disk_fails(false);
	saw(world, "b", true);
	loop_after_commit(&world->loop, released, &a);
	turn(world);

	assert_string_equal(calls.text, "a+");
	assert_false(world->loop.is_failing);
	assert_true(saw(world, "b", true));
}

static void commit__of_nothing_on_a_failing_disk__does_not_end_the_failure(void **state)
{
	struct bot_world *world = *state;
	struct error err = {0};

	saw(world, "a", true);
	bot_world_disk_fails(true);
	turn(world);
	assert_true(loop_event(&world->loop, &err));
	assert_true(loop_event_end(&world->loop, true, &err));
	turn(world);
	assert_true(world->loop.is_failing);
	bot_world_disk_fails(false);
	assert_true(loop_event(&world->loop, &err));
	assert_true(loop_event_end(&world->loop, true, &err));
	turn(world);

	assert_false(world->loop.is_failing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(turn__without_an_event__makes_no_transaction, setup, teardown),
	    cmocka_unit_test_setup_teardown(event__ended__is_committed_at_the_end_of_the_turn, setup, teardown),
	    cmocka_unit_test_setup_teardown(events__several_in_a_turn__share_one_transaction, setup, teardown),
	    cmocka_unit_test_setup_teardown(event__not_kept__leaves_the_others, setup, teardown),
	    cmocka_unit_test_setup_teardown(event__opened__tells_the_desk_the_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(event__of_a_timer__is_committed_before_the_loop_sleeps, setup, teardown),
	    cmocka_unit_test_setup_teardown(releases__after_the_commit__run_once_and_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(releases__more_than_there_was_room_for__all_run, setup, teardown),
	    cmocka_unit_test_setup_teardown(release__forgotten__does_not_run, setup, teardown),
	    cmocka_unit_test_setup_teardown(release__forgotten_by_another_release__does_not_run, setup, teardown),
	    cmocka_unit_test_setup_teardown(release__held_back_by_another_release__waits_for_the_next_commit, setup, teardown),
	    cmocka_unit_test_setup_teardown(
	        courier__of_a_turn__plans_into_its_transaction_and_goes_after_the_releases, setup, teardown),
	    cmocka_unit_test_setup_teardown(commit__fails__says_so_to_everyone_and_keeps_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(commit__after_one_that_failed__works_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(
	        commit__of_nothing_on_a_failing_disk__does_not_end_the_failure, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
