#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "bot/limits.h"

static int setup(void **state)
{
	*state = limits_new();
	return 0;
}

static int teardown(void **state)
{
	limits_free(*state);
	return 0;
}

/* How many tokens can be taken from now until UNTIL, one each time one is ready. */
static int take_all(struct bucket *bucket, uint64_t now, uint64_t until)
{
	int count = 0;

	for (uint64_t at = bucket_ready_at(bucket, now); at <= until;
	     at = bucket_ready_at(bucket, at)) {
		bucket_take(bucket, at);
		count++;
	}
	return count;
}

static void bucket__new__is_full(void **state)
{
	struct bucket *bucket = limits_bucket(*state, "a", 60, 5, 1000);

	assert_int_equal(take_all(bucket, 1000, 1000), 5);
	assert_int_equal(bucket_ready_at(bucket, 1000), 2000);
}

static void bucket__used_up__fills_at_its_rate_and_no_further_than_its_burst(void **state)
{
	struct bucket *bucket = limits_bucket(*state, "a", 60, 5, 0);

	assert_int_equal(take_all(bucket, 0, 0), 5);
	assert_int_equal(take_all(bucket, 0, 3000), 3);
	assert_int_equal(take_all(bucket, 1000000, 1000000), 5);
}

static void buckets__of_other_keys__do_not_share(void **state)
{
	struct bucket *a = limits_bucket(*state, "a", 60, 1, 0),
		      *b = limits_bucket(*state, "b", 60, 1, 0);

	bucket_take(a, 0);

	assert_ptr_not_equal(a, b);
	assert_true(bucket_ready_at(a, 0) > 0);
	assert_int_equal(bucket_ready_at(b, 0), 0);
	assert_ptr_equal(limits_bucket(*state, "a", 60, 1, 0), a);
}

static void window__used_up__opens_a_minute_after_each_was_taken(void **state)
{
	struct bucket *window = limits_window(*state, "a", 120, 1000);

	assert_int_equal(take_all(window, 1000, 1000), 120);
	assert_int_equal(bucket_ready_at(window, 1000), 1000 + LIMITS_WINDOW_MS);
	assert_int_equal(take_all(window, 1000, 1000 + LIMITS_WINDOW_MS), 120);
	assert_int_equal(take_all(window, 2000 + LIMITS_WINDOW_MS, 900 + 2 * LIMITS_WINDOW_MS), 0);
}

static void window__of_any_size__never_lets_more_through_in_a_minute(void **state)
{
	static const double sizes[] = {0.2, 1, 7, LIMITS_WINDOW_MAX};
	char key[8];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bucket *window;

		snprintf(key, sizeof(key), "%zu", i);
		window = limits_window(*state, key, sizes[i], 5);
		assert_int_equal(take_all(window, 5, 60004), sizes[i] < 1 ? 1 : (int)sizes[i]);
	}
	/* Larger ones are for tests and benches: a bucket will do. */
	assert_int_equal(take_all(limits_window(*state, "large", 5000, 5), 5, 5), 5000);
}

static void window__changed_by_a_reload__goes_by_the_new_size(void **state)
{
	assert_int_equal(take_all(limits_window(*state, "a", 2, 5), 5, 5), 2);
	assert_int_equal(take_all(limits_window(*state, "a", 3, 5), 5, 5), 3);
	assert_int_equal(take_all(limits_window(*state, "a", 3, 5), 5, 5), 0);
}

static void bucket__paused__gives_none_before(void **state)
{
	struct bucket *bucket = limits_bucket(*state, "a", 60, 5, 0);

	bucket_pause(bucket, 7000);
	bucket_pause(bucket, 3000);

	assert_int_equal(bucket_ready_at(bucket, 0), 7000);
	assert_int_equal(bucket_ready_at(bucket, 7001), 7001);
}

static void bucket__rate_changed_by_a_reload__goes_by_the_new_one(void **state)
{
	struct bucket *bucket = limits_bucket(*state, "a", 60, 1, 0);

	bucket_take(bucket, 0);
	limits_bucket(*state, "a", 600, 1, 0);

	assert_int_equal(bucket_ready_at(bucket, 0), 100);
}

static void bucket__odd_settings__never_stop_for_good(void **state)
{
	static const struct {
		double per_minute, burst;
	} cases[] = {{0.5, 0}, {0.001, 0.5}, {1e9, 1e9}, {1, 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char key[8];
		struct bucket *bucket;

		snprintf(key, sizeof(key), "%zu", i);
		bucket = limits_bucket(*state, key, cases[i].per_minute, cases[i].burst, 0);
		assert_int_equal(bucket_ready_at(bucket, 0), 0);
		bucket_take(bucket, 0);
		assert_true(bucket_ready_at(bucket, 0) < 120ULL * 60000 * 1000);
	}
}

static void buckets__too_many_keys__share_one(void **state)
{
	struct bucket *a, *b;
	char key[32];

	for (int i = 0; i < LIMITS_BUCKETS_MAX; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		limits_bucket(*state, key, 60, 1, 0);
	}
	a = limits_bucket(*state, "one more", 60, 1, 0);
	b = limits_bucket(*state, "and another", 60, 1, 0);

	assert_ptr_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(bucket__new__is_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		bucket__used_up__fills_at_its_rate_and_no_further_than_its_burst, setup, teardown),
	    cmocka_unit_test_setup_teardown(buckets__of_other_keys__do_not_share, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		window__used_up__opens_a_minute_after_each_was_taken, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		window__of_any_size__never_lets_more_through_in_a_minute, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		window__changed_by_a_reload__goes_by_the_new_size, setup, teardown),
	    cmocka_unit_test_setup_teardown(bucket__paused__gives_none_before, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		bucket__rate_changed_by_a_reload__goes_by_the_new_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		bucket__odd_settings__never_stop_for_good, setup, teardown),
	    cmocka_unit_test_setup_teardown(buckets__too_many_keys__share_one, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
