/* form - application/x-www-form-urlencoded, as Slack's reading methods want their arguments. */
#ifndef BOT_FORM_H
#define BOT_FORM_H

#include <cjson/cJSON.h>

#include "config/base/buf.h"

#define FORM_TYPE \
	"application/x-www-form-urlencoded" /* with a charset Slack warns: superfluous_charset */

void form_put(struct buf *form, const char *name, const char *value);
/* Each member of OBJECT: scalars as they are, nested values as JSON text; null is left out.
 * Nothing for what is no object. */
void form_put_object(struct buf *form, const cJSON *object);

#endif
