/* match_eval - what match.c (the grammar) and match_eval.c (whether a match holds) share. */
#ifndef CONFIG_MATCH_EVAL_H
#define CONFIG_MATCH_EVAL_H

#include "config/match.h"

/* True when TEXT can be compared: valid UTF-8, nothing invisible, nothing that was mended (U+FFFD).
 */
bool text_is_comparable(const char *text);
/* Compiles PATTERN, anchored at both ends; NULL with a sentence in WHY. */
void *regex_new(const char *pattern, bool any_case, char *why, size_t size);
void regex_free(void *regex);
/* The kinds whose values are compared in any case. */
bool field_is_caseless(const struct field *field);

#endif
