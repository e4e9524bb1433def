/* people - questions asked of a configuration: who is that, which key is this, is it a working hour. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/base/text.h"
#include "config/base/when.h"
#include "config/config.h"

#define PERSON_NAME_MAX 64

static bool person_has_login(const struct person_config *person, const char *name)
{
	for (size_t i = 0; i < person->login_count; i++)
		if (strcmp(person->logins[i], name) == 0)
			return true;
	return false;
}

const struct person_config *config_person(const struct config *config, const char *name)
{
	if (text_is_empty(name))
		return NULL;
	/* An id is nobody's login, and a login nobody's address: what is surest goes first. */
	for (size_t i = 0; i < config->person_count; i++)
		if (text_equal(config->people[i].slack, name))
			return &config->people[i];
	for (size_t i = 0; i < config->person_count; i++)
		if (config->people[i].email != NULL &&
		    strcasecmp(config->people[i].email, name) == 0)
			return &config->people[i];
	for (size_t i = 0; i < config->person_count; i++)
		if (person_has_login(&config->people[i], name))
			return &config->people[i];
	return NULL;
}

const char *config_person_name(const struct config *config, const char *name, char space[64])
{
	const struct person_config *person = config_person(config, name);

	if (person == NULL)
		return name;
	if (person->login_count > 0)
		return person->logins[0];
	if (person->email == NULL)
		return name;
	snprintf(space, PERSON_NAME_MAX, "%.*s", (int)strcspn(person->email, "@"), person->email);
	return space;
}

static bool key_has_fingerprint(const char *key, const char *fingerprint)
{
	char made[13];

	if (text_is_empty(key))
		return false;
	key_fingerprint(key, made);
	return text_equal(made, fingerprint);
}

const char *config_routing_key(const struct config *config, const char *fingerprint)
{
	if (text_is_empty(fingerprint))
		return NULL;
	for (size_t i = 0; i < config->route_count; i++)
		if (key_has_fingerprint(config->routes[i].routing_key, fingerprint))
			return config->routes[i].routing_key;
	if (key_has_fingerprint(config->pagerduty.routing_key, fingerprint))
		return config->pagerduty.routing_key;
	return NULL;
}

bool config_working_hour(const struct config *config, int64_t at)
{
	return config_working_hour_in(config, config->hours.timezone, at);
}

bool config_working_hour_in(const struct config *config, const char *zone, int64_t at)
{
	const struct working_hours *hours = &config->hours;
	int day, minute;

	if (!hours->is_set)
		return true;
	time_local(at, zone, &day, &minute);
	if (hours->from_minute < hours->to_minute)
		return hours->days[day] && minute >= hours->from_minute &&
		       minute < hours->to_minute;
	/* Over midnight: the small hours belong to the day before. */
	if (minute >= hours->from_minute)
		return hours->days[day];
	return minute < hours->to_minute && hours->days[(day + 6) % 7];
}
