#include "handlers/pagerduty/changes.h"

bool change_say(struct desk *desk, const struct announcement *announcement, struct error *err)
{
	(void)desk;
	(void)announcement;
	(void)err;
	return true;
}

cJSON *change_event(struct desk *desk, const struct announcement *announcement, const char *key, struct error *err)
{
	(void)desk;
	(void)announcement;
	(void)key;
	error_set(err, ERROR_NOT_FOUND, "no change event");
	return NULL;
}
