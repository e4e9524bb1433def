/*
 * Why two lists a key, and two classes.
 *
 * Let an announcement have n predicates for a class: what it says, and for alerts with an actor the implied one. Filed as "whole" under
 * the rarest indexable predicate, it meets every alert that all n hold for, and every near miss but those that fail that very
 * predicate. Filed as "near" under the second rarest, it meets these too. So two suffice, and only the "whole" walk must be without a
 * bound: a match is never lost, a near miss may be, past INDEX_NEAR_MAX.
 *
 * A near miss that fails the rarest of three or more fits all others: its "near" entry carries a guard, a third predicate's keys, and is
 * passed over without a look at the announcement when the alert has none of them. A person's many announcements, or a rule's, cost a few
 * nanoseconds each then.
 *
 * Rarity is the number of entries under the keys at the time of filing: an announcement that comes when a key is crowded takes another.
 */
#include "handlers/index.h"

#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"

#define PREFIX_MAX 64   /* bytes of a prefix that make a key: as many look-ups a value at most */
#define KEYS_FIRST 1024 /* slots of an empty table, a power of two */
#define VALUE_SIZE (ALERT_DESCRIPTION_MAX + 1)
#define GUARD_KEYS 2    /* keys that a guard may have */
#define GUARD_BITS 1024 /* of the set of keys that an alert has, as bits: some stand for several */
#define PASSED_MAX (16 * INDEX_NEAR_MAX) /* entries that one alert passes over at most */
#define RANKED 3                         /* predicates that filing is about: whole, near, guard */

enum class { WITH_ACTOR, WITHOUT_ACTOR, CLASS_COUNT };
enum role_of_list { WHOLE, NEAR, ROLE_COUNT };

struct entry {
	struct indexed *item;
	uint32_t filing; /* its number among the item's, so that moving an entry is cheap */
	uint16_t guard[GUARD_KEYS]; /* bits of which one must be set, plus 1; all 0: no guard */
};
struct list {
	struct entry *entries;
	size_t count, room;
};
struct key {
	struct key *next;
	uint64_t hash;
	const struct field *field; /* NULL: a label */
	char *label;
	char *text;
	size_t len;
	bool is_prefix;
	struct list lists[CLASS_COUNT][ROLE_COUNT];
	size_t filings;
};
struct filing {
	struct key *key;   /* NULL: a short list */
	struct list *list; /* NULL: a guard's key, which only must be there */
	size_t at;
};

/* Which look-ups are worth making for a field; labels share one. */
struct uses {
	size_t exact;
	size_t prefix[PREFIX_MAX + 1];
	uint64_t lengths; /* bit n - 1: a prefix of n bytes is in use */
};

struct index {
	struct key **slots;
	size_t slot_count, key_count;
	struct uses *uses;                         /* by field; the last is that of labels */
	struct list rest[CLASS_COUNT][ROLE_COUNT]; /* the short lists */
	uint64_t seed, stamp;
	struct key **hits; /* of the running walk */
	size_t hit_count, hit_room;
	uint64_t has[GUARD_BITS / 64]; /* the bits of these */
	char *value;                   /* VALUE_SIZE bytes */
};

/* ---- items ---------------------------------------------------------------------------------------------- */

static bool is_dear(const struct match *match)
{
	return match->op == MATCH_REGEX || match->op == MATCH_NOT_REGEX;
}

void indexed_order(struct indexed *item)
{
	struct match **list = item->said.list;
	size_t cheap = 0;

	for (size_t i = 0; i < item->said.count; i++) {
		struct match *match = list[i];

		if (is_dear(match))
			continue;
		memmove(list + cheap + 1, list + cheap, (i - cheap) * sizeof(*list));
		list[cheap++] = match;
	}
}

void indexed_fini(struct indexed *item)
{
	matches_fini(&item->said);
	match_free(item->actor);
	free(item->filings);
	memset(item, 0, sizeof(*item));
}

bool alert_has_actor(const struct alert *alert)
{
	return !text_is_empty(alert->actor);
}

void indexed_fit(
    const struct indexed *item, const struct alert *alert, size_t limit, struct fit *fit)
{
	fit->failed = 0;
	fit->missed = NULL;
	fit->actor_holds = !item->is_bound || !alert_has_actor(alert) ||
			   (item->actor != NULL && match_holds(item->actor, alert, NULL));
	for (size_t i = 0; i < item->said.count && fit->failed < limit; i++) {
		if (match_holds(item->said.list[i], alert, NULL))
			continue;
		if (fit->missed == NULL)
			fit->missed = item->said.list[i];
		fit->failed++;
	}
}

/* ---- hashing -------------------------------------------------------------------------------------------- */

/* FNV-1a, seeded, with a finish that spreads: a prefix's hash is a stop on the way to the whole's. */
static uint64_t hash_more(uint64_t hash, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
	return hash;
}

static uint64_t hash_begin(const struct index *index, const struct field *field, const char *label)
{
	const uint64_t hash = index->seed;

	if (field != NULL)
		return (hash ^ (uint64_t)(field - alert_fields)) * 0x9e3779b97f4a7c15u;
	/* The NUL parts the label from its value. */
	return hash_more(hash, label, strlen(label) + 1);
}

static uint64_t hash_end(uint64_t hash, bool is_prefix)
{
	hash ^= is_prefix ? 0x5851f42d4c957f2du : 0;
	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdu;
	hash ^= hash >> 33;
	return hash;
}

static struct uses *uses_of(const struct index *index, const struct field *field)
{
	return &index->uses[field != NULL ? (size_t)(field - alert_fields) : alert_field_count];
}

static struct key *key_find(const struct index *index, uint64_t hash, const struct field *field,
    const char *label, bool is_prefix, const char *text, size_t len)
{
	struct key *key = index->slots[hash & (index->slot_count - 1)];

	for (; key != NULL; key = key->next) {
		if (key->hash == hash && key->is_prefix == is_prefix && key->field == field &&
		    key->len == len && memcmp(key->text, text, len) == 0 &&
		    (field != NULL || strcmp(key->label, label) == 0))
			return key;
	}
	return NULL;
}

static void grow(struct index *index)
{
	const size_t slot_count = index->slot_count * 2;
	struct key **slots = xcalloc(slot_count, sizeof(*slots)), *key, *next;

	for (size_t i = 0; i < index->slot_count; i++) {
		for (key = index->slots[i]; key != NULL; key = next) {
			next = key->next;
			key->next = slots[key->hash & (slot_count - 1)];
			slots[key->hash & (slot_count - 1)] = key;
		}
	}
	free(index->slots);
	index->slots = slots;
	index->slot_count = slot_count;
}

static void use(struct uses *uses, const struct key *key)
{
	if (!key->is_prefix) {
		uses->exact++;
		return;
	}
	uses->prefix[key->len]++;
	uses->lengths |= 1ull << (key->len - 1);
}

static void unuse(struct uses *uses, const struct key *key)
{
	if (!key->is_prefix) {
		uses->exact--;
		return;
	}
	if (--uses->prefix[key->len] == 0)
		uses->lengths &= ~(1ull << (key->len - 1));
}

static struct key *key_add(struct index *index, uint64_t hash, const struct match *match,
    bool is_prefix, const char *text, size_t len)
{
	struct key *key = xcalloc(1, sizeof(*key));

	if (index->key_count >= index->slot_count)
		grow(index);
	key->hash = hash;
	key->field = match->field;
	key->label = match->field != NULL ? NULL : xstrdup(match->name);
	key->is_prefix = is_prefix;
	key->text = xstrndup(text, len);
	key->len = len;
	key->next = index->slots[hash & (index->slot_count - 1)];
	index->slots[hash & (index->slot_count - 1)] = key;
	index->key_count++;
	use(uses_of(index, key->field), key);
	return key;
}

static void key_free(struct key *key)
{
	for (size_t i = 0; i < CLASS_COUNT; i++) {
		for (size_t j = 0; j < ROLE_COUNT; j++)
			free(key->lists[i][j].entries);
	}
	free(key->label);
	free(key->text);
	free(key);
}

static void key_remove(struct index *index, struct key *key)
{
	struct key **link = &index->slots[key->hash & (index->slot_count - 1)];

	while (*link != key)
		link = &(*link)->next;
	*link = key->next;
	index->key_count--;
	unuse(uses_of(index, key->field), key);
	key_free(key);
}

/* The key of one value of MATCH; with ADD it is made where it is missing. */
static struct key *value_key(
    struct index *index, const struct match *match, const struct match_value *value, bool add)
{
	const size_t len = !value->is_glob                  ? strlen(value->text)
			   : value->prefix_len < PREFIX_MAX ? value->prefix_len
							    : PREFIX_MAX;
	const uint64_t hash =
	    hash_end(hash_more(hash_begin(index, match->field, match->name), value->text, len),
		value->is_glob);
	struct key *key =
	    key_find(index, hash, match->field, match->name, value->is_glob, value->text, len);

	return key != NULL || !add ? key
				   : key_add(index, hash, match, value->is_glob, value->text, len);
}

/* ---- filing --------------------------------------------------------------------------------------------- */

static bool is_indexable(const struct match *match)
{
	if (match == NULL || match->op != MATCH_EQUAL || match->value_count == 0)
		return false;
	for (size_t i = 0; i < match->value_count; i++) {
		if (match->values[i].is_glob && match->values[i].prefix_len == 0)
			return false;
	}
	return true;
}

static size_t crowd(struct index *index, const struct match *match, enum class class)
{
	size_t sum = 0;

	for (size_t i = 0; i < match->value_count; i++) {
		const struct key *key = value_key(index, match, &match->values[i], false);

		if (key != NULL)
			sum += key->lists[class][WHOLE].count + key->lists[class][NEAR].count;
	}
	return sum;
}

static void refer(struct indexed *item, struct key *key, struct list *list)
{
	item->filings =
	    xreallocarray(item->filings, item->filing_count + 1, sizeof(*item->filings));
	item->filings[item->filing_count++] =
	    (struct filing){.key = key, .list = list, .at = list != NULL ? list->count : 0};
	if (key != NULL)
		key->filings++;
}

static void file(
    struct indexed *item, struct key *key, struct list *list, const struct entry *guard)
{
	struct entry entry = *guard;

	entry.item = item;
	entry.filing = (uint32_t)item->filing_count;
	refer(item, key, list);
	if (list->count == list->room) {
		list->room = list->room == 0 ? 1 : list->room * 2;
		list->entries = xreallocarray(list->entries, list->room, sizeof(*list->entries));
	}
	list->entries[list->count++] = entry;
}

static void file_under(struct index *index, struct indexed *item, const struct match *match,
    enum class class, enum role_of_list role, const struct entry *guard)
{
	if (match == NULL) {
		file(item, NULL, &index->rest[class][role], guard);
		return;
	}
	for (size_t i = 0; i < match->value_count; i++) {
		struct key *key = value_key(index, match, &match->values[i], true);

		file(item, key, &key->lists[class][role], guard);
	}
}

static size_t bit_of(const struct key *key)
{
	return (size_t)(key->hash >> 20) % GUARD_BITS;
}

static void set_guard(
    struct index *index, struct indexed *item, const struct match *match, struct entry *guard)
{
	if (match == NULL || match->value_count > GUARD_KEYS)
		return;
	for (size_t i = 0; i < match->value_count; i++) {
		struct key *key = value_key(index, match, &match->values[i], true);

		refer(item, key, NULL);
		guard->guard[i] = (uint16_t)(bit_of(key) + 1);
	}
}

/* The rarest indexable predicates of ITEM in CLASS, rarest first; NULL where there are fewer. */
static void rank(struct index *index, const struct indexed *item, enum class class,
    const struct match *found[RANKED])
{
	const bool is_implied = item->is_bound && class == WITH_ACTOR;
	size_t crowds[RANKED], count = 0;

	for (size_t i = 0; i < RANKED; i++)
		found[i] = NULL;
	for (size_t i = 0; i < item->said.count + (is_implied ? 1 : 0); i++) {
		const struct match *match = i < item->said.count ? item->said.list[i] : item->actor;
		size_t here, at = count;

		if (!is_indexable(match))
			continue;
		here = crowd(index, match, class);
		for (; at > 0 && here < crowds[at - 1]; at--) {
			if (at < RANKED) {
				found[at] = found[at - 1];
				crowds[at] = crowds[at - 1];
			}
		}
		if (at == RANKED)
			continue;
		found[at] = match;
		crowds[at] = here;
		count += count < RANKED ? 1 : 0;
	}
}

/* Is an alert that fails MATCH alone worth finding? A single match has no near misses; the implied actor has. */
static bool is_missable(const struct indexed *item, const struct match *match)
{
	return match == item->actor || item->said.count >= 2;
}

static void file_in(struct index *index, struct indexed *item, enum class class)
{
	static const struct entry none;
	const struct match *found[RANKED];
	struct entry guard = none;

	rank(index, item, class, found);
	file_under(index, item, found[0], class, WHOLE, &none);
	if (found[0] == NULL || !is_missable(item, found[0]))
		return;
	set_guard(index, item, found[2], &guard);
	file_under(index, item, found[1], class, NEAR, &guard);
}

void index_add(struct index *index, struct indexed *item)
{
	item->stamp = 0;
	file_in(index, item, WITH_ACTOR);
	file_in(index, item, WITHOUT_ACTOR);
}

/* The last entry takes the place of the one at AT. */
static void list_remove(struct list *list, size_t at)
{
	const struct entry last = list->entries[--list->count];

	list->entries[at] = last;
	last.item->filings[last.filing].at = at;
}

void index_remove(struct index *index, struct indexed *item)
{
	for (size_t i = 0; i < item->filing_count; i++) {
		const struct filing filing = item->filings[i];

		if (filing.list != NULL)
			list_remove(filing.list, filing.at);
		if (filing.key != NULL && --filing.key->filings == 0)
			key_remove(index, filing.key);
	}
	free(item->filings);
	item->filings = NULL;
	item->filing_count = 0;
}

/* ---- looking up ------------------------------------------------------------------------------------------ */

static void hit(struct index *index, struct key *key)
{
	if (key == NULL)
		return;
	if (index->hit_count == index->hit_room) {
		index->hit_room = index->hit_room == 0 ? 64 : index->hit_room * 2;
		index->hits = xreallocarray(index->hits, index->hit_room, sizeof(struct key *));
	}
	index->hits[index->hit_count++] = key;
}

static void look_up(
    struct index *index, const struct field *field, const char *label, const char *value)
{
	const struct uses *uses = uses_of(index, field);
	uint64_t lengths = uses->lengths, hash;
	size_t len, done = 0;

	if ((uses->exact == 0 && lengths == 0) || text_is_empty(value) ||
	    !match_normalise(field, value, index->value, VALUE_SIZE))
		return;
	value = index->value;
	len = strlen(value);
	hash = hash_begin(index, field, label);
	for (; lengths != 0; lengths &= lengths - 1) {
		const size_t prefix = (size_t)__builtin_ctzll(lengths) + 1;

		if (prefix > len)
			break;
		hash = hash_more(hash, value + done, prefix - done);
		done = prefix;
		hit(index,
		    key_find(index, hash_end(hash, true), field, label, true, value, prefix));
	}
	if (uses->exact == 0)
		return;
	hash = hash_more(hash, value + done, len - done);
	hit(index, key_find(index, hash_end(hash, false), field, label, false, value, len));
}

struct walk {
	struct index *index;
	bool (*each)(void *ctx, struct indexed *item, bool is_near);
	void *ctx;
	size_t left,
	    left_to_pass; /* candidates that may still be looked at, entries that may be passed over */
};

static bool has_bit(const struct index *index, uint16_t guard)
{
	return guard != 0 && (index->has[(guard - 1u) / 64] >> ((guard - 1u) % 64) & 1) != 0;
}

static bool passes(const struct index *index, const struct entry *entry)
{
	return entry->guard[0] == 0 || has_bit(index, entry->guard[0]) ||
	       has_bit(index, entry->guard[1]);
}

static bool walk_list(struct walk *walk, const struct list *list, bool is_near)
{
	for (size_t i = 0; i < list->count; i++) {
		struct indexed *item = list->entries[i].item;

		if (is_near && walk->left_to_pass-- == 0)
			return false;
		if (!passes(walk->index, &list->entries[i]))
			continue;
		if (item->stamp == walk->index->stamp)
			continue;
		if (is_near && walk->left-- == 0)
			return false;
		item->stamp = walk->index->stamp;
		if (!walk->each(walk->ctx, item, is_near))
			return false;
	}
	return true;
}

static bool walk_role(struct walk *walk, enum class class, enum role_of_list role)
{
	struct index *index = walk->index;

	for (size_t i = 0; i < index->hit_count; i++) {
		if (!walk_list(walk, &index->hits[i]->lists[class][role], role == NEAR))
			return false;
	}
	return walk_list(walk, &index->rest[class][role], role == NEAR);
}

void index_walk(struct index *index, const struct alert *alert,
    bool (*each)(void *ctx, struct indexed *item, bool is_near), void *ctx)
{
	const enum class class = alert_has_actor(alert) ? WITH_ACTOR : WITHOUT_ACTOR;
	struct walk walk = {.index = index,
	    .each = each,
	    .ctx = ctx,
	    .left = INDEX_NEAR_MAX,
	    .left_to_pass = PASSED_MAX};
	char space[32];

	index->stamp++;
	index->hit_count = 0;
	for (size_t i = 0; i < alert_field_count; i++) {
		const struct uses *uses = &index->uses[i];

		if (uses->exact != 0 || uses->lengths != 0)
			look_up(index, &alert_fields[i], NULL,
			    alert_value(alert, alert_fields[i].name, space));
	}
	for (size_t i = 0; i < alert->label_count; i++)
		look_up(index, NULL, alert->labels[i].name, alert->labels[i].value);
	memset(index->has, 0, sizeof(index->has));
	for (size_t i = 0; i < index->hit_count; i++)
		index->has[bit_of(index->hits[i]) / 64] |= 1ull << (bit_of(index->hits[i]) % 64);
	if (walk_role(&walk, class, WHOLE))
		walk_role(&walk, class, NEAR);
}

struct index *index_new(void)
{
	struct index *index = xcalloc(1, sizeof(*index));
	char seed[17];

	random_hex(seed, sizeof(seed));
	index->seed = strtoull(seed, NULL, 16);
	index->slot_count = KEYS_FIRST;
	index->slots = xcalloc(index->slot_count, sizeof(struct key *));
	index->uses = xcalloc(alert_field_count + 1, sizeof(*index->uses));
	index->value = xcalloc(1, VALUE_SIZE);
	return index;
}

void index_free(struct index *index)
{
	struct key *next;

	if (index == NULL)
		return;
	for (size_t i = 0; i < index->slot_count; i++) {
		for (struct key *key = index->slots[i]; key != NULL; key = next) {
			next = key->next;
			key_free(key);
		}
	}
	for (size_t i = 0; i < CLASS_COUNT; i++) {
		for (size_t j = 0; j < ROLE_COUNT; j++)
			free(index->rest[i][j].entries);
	}
	free(index->slots);
	free(index->uses);
	free(index->hits);
	free(index->value);
	free(index);
}
