/* base - what all of the simulator leans on: clocks, timers, JSON by hand. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/sim.h"

struct sim_timer {
	struct sim_timer *next;
	int64_t due_ms;
	sim_due due;
	void *ctx;
};

static int64_t clock_ms(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t sim_now_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t sim_mono_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static void on_clock(uv_timer_t *handle);

static void timers_arm(struct sim *sim)
{
	int64_t wait;

	if (sim->timers == NULL) {
		uv_timer_stop(&sim->clock);
		return;
	}
	uv_update_time(&sim->loop);
	wait = sim->timers->due_ms - sim_mono_ms();
	uv_timer_start(&sim->clock, on_clock, wait > 0 ? (uint64_t)wait : 0, 0);
}

static void on_clock(uv_timer_t *handle)
{
	struct sim *sim = handle->data;
	int64_t now = sim_mono_ms();

	while (sim->timers != NULL && sim->timers->due_ms <= now) {
		struct sim_timer *timer = sim->timers;

		sim->timers = timer->next;
		timer->due(timer->ctx);
		free(timer);
	}
	timers_arm(sim);
}

struct sim_timer *sim_after(struct sim *sim, int64_t ms, sim_due due, void *ctx)
{
	struct sim_timer *timer = xcalloc(1, sizeof(*timer)), **at;

	timer->due_ms = sim_mono_ms() + (ms > 0 ? ms : 0);
	timer->due = due;
	timer->ctx = ctx;
	for (at = &sim->timers; *at != NULL && (*at)->due_ms <= timer->due_ms; at = &(*at)->next)
		continue;
	timer->next = *at;
	*at = timer;
	timers_arm(sim);
	return timer;
}

void sim_cancel(struct sim *sim, struct sim_timer *timer)
{
	struct sim_timer **at;

	for (at = &sim->timers; timer != NULL && *at != NULL; at = &(*at)->next) {
		if (*at == timer) {
			*at = timer->next;
			free(timer);
			return;
		}
	}
}

void sim_timers_init(struct sim *sim)
{
	uv_timer_init(&sim->loop, &sim->clock);
	sim->clock.data = sim;
}

void sim_timers_fini(struct sim *sim)
{
	while (sim->timers != NULL)
		sim_cancel(sim, sim->timers);
	uv_close((uv_handle_t *)&sim->clock, NULL);
}

static bool is_utf8(const char *text, size_t len)
{
	size_t at = 0, size;

	while (at < len) {
		if ((unsigned char)text[at] < 0x80) {
			if (text[at] == '\0')
				return false;
			at++;
			continue;
		}
		if (utf8_decode(text + at, len - at, &size) == CODEPOINT_REPLACEMENT && size == 1)
			return false;
		at += size;
	}
	return true;
}

cJSON *sim_parse(const char *text, size_t len)
{
	const char *end = NULL;
	cJSON *json;
	char *copy;
	bool whole;

	if (text == NULL || len == 0 || !is_utf8(text, len))
		return NULL;
	copy = xstrndup(text, len);
	json = cJSON_ParseWithOpts(copy, &end, 0);
	whole = json != NULL && end[strspn(end, " \t\r\n")] == '\0';
	free(copy);
	if (!whole) {
		cJSON_Delete(json);
		return NULL;
	}
	return json;
}

const cJSON *sim_get(const cJSON *object, const char *name)
{
	return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

const char *sim_text(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(sim_get(object, name));
}

bool sim_true(const cJSON *object, const char *name)
{
	const cJSON *item = sim_get(object, name);

	if (cJSON_IsString(item))
		return strcmp(item->valuestring, "true") == 0 ||
		       strcmp(item->valuestring, "1") == 0;
	return cJSON_IsTrue(item) || (cJSON_IsNumber(item) && item->valuedouble == 1.0);
}

bool sim_has(const cJSON *object, const char *name)
{
	const cJSON *item = sim_get(object, name);

	return item != NULL && !cJSON_IsNull(item);
}

int64_t sim_int(const cJSON *object, const char *name, int64_t otherwise)
{
	const cJSON *item = sim_get(object, name);
	long long value;
	char *end;

	if (cJSON_IsNumber(item))
		return (int64_t)item->valuedouble;
	if (!cJSON_IsString(item))
		return otherwise;
	value = strtoll(item->valuestring, &end, 10);
	return end != item->valuestring && *end == '\0' ? (int64_t)value : otherwise;
}

void sim_put(cJSON *object, const char *name, const char *text)
{
	sim_set(object, name, text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void sim_put_int(cJSON *object, const char *name, int64_t value)
{
	sim_set(object, name, cJSON_CreateNumber((double)value));
}

void sim_put_bool(cJSON *object, const char *name, bool value)
{
	sim_set(object, name, cJSON_CreateBool(value));
}

void sim_set(cJSON *object, const char *name, cJSON *item)
{
	if (cJSON_GetObjectItemCaseSensitive(object, name) != NULL)
		cJSON_ReplaceItemInObjectCaseSensitive(object, name, item);
	else
		cJSON_AddItemToObject(object, name, item);
}

char *sim_write(const cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	if (text == NULL)
		abort();
	return text;
}

char *sim_write_slashed(const cJSON *json)
{
	char *text = sim_write(json), *out;
	size_t i, at = 0, slashes = 0;

	for (i = 0; text[i] != '\0'; i++)
		slashes += text[i] == '/';
	out = xcalloc(1, i + slashes + 1);
	/* In JSON a slash is found inside strings only. */
	for (i = 0; text[i] != '\0'; i++) {
		if (text[i] == '/')
			out[at++] = '\\';
		out[at++] = text[i];
	}
	free(text);
	return out;
}
