#include "bot/slack_error.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "config/base/text.h"

/* The first row that fits decides. A final * stands for anything. */
static const struct {
	const char *method; /* NULL: any */
	const char *error;
	enum slack_cure cure;
} errors[] = {
    /* What one method alone means by it. */
    {"chat.update", "message_not_found", CURE_DEAD}, /* somebody deleted it */
    {"chat.update", "cant_update_message", CURE_DEAD},
    {"chat.update", "edit_window_closed", CURE_DEAD},
    {"chat.update", "is_inactive", CURE_DEAD},
    {"chat.postEphemeral", "user_not_in_channel", CURE_DEAD},
    {"chat.postEphemeral", "channel_not_found", CURE_DEAD},
    {"chat.postEphemeral", "not_in_channel", CURE_DEAD},
    {"chat.postEphemeral", "is_archived", CURE_DEAD},
    {"chat.postMessage", "thread_not_found", CURE_DEAD},
    {"users.*", "user_not_found", CURE_DEAD},
    {"users.*", "users_not_found", CURE_DEAD},
    {"users.*", "user_not_visible", CURE_DEAD},
    /* Asked again in a while; nobody is a member of what cannot be read. */
    {"usergroups.*", "no_such_subteam", CURE_DEAD},
    {"usergroups.*", "plan_upgrade_required", CURE_DEAD},
    {"usergroups.*", "missing_scope", CURE_DEAD},
    {"usergroups.*", "no_permission", CURE_DEAD},
    {"views.*", "expired_trigger_id", CURE_DEAD},
    {"views.*", "exchanged_trigger_id", CURE_DEAD},
    {"views.*", "invalid_trigger_id", CURE_DEAD},
    {"views.*", "trigger_expired", CURE_DEAD},
    {"views.*", "trigger_exchanged", CURE_DEAD},
    {"views.*", "hash_conflict", CURE_DEAD},
    {"views.*", "not_found", CURE_DEAD},
    {"views.*", "not_enabled", CURE_DEAD},
    {"views.*", "duplicate_external_id", CURE_DEAD},
    {"views.*", "push_limit_reached", CURE_DEAD},

    {NULL, "already_reacted", CURE_NONE},
    {NULL, "already_pinned", CURE_NONE},
    {NULL, "already_in_channel", CURE_NONE},
    {NULL, "already_archived", CURE_NONE},

    {NULL, "ratelimited", CURE_WAIT},
    {NULL, "rate_limited", CURE_WAIT},
    {NULL, "message_limit_exceeded", CURE_WAIT},

    {NULL, "internal_error", CURE_RETRY},
    {NULL, "fatal_error", CURE_RETRY},
    {NULL, "service_unavailable", CURE_RETRY},
    {NULL, "request_timeout", CURE_RETRY},
    {NULL, "team_added_to_org", CURE_RETRY},
    {NULL, "update_failed", CURE_RETRY},
    {NULL, "migration_in_progress", CURE_RETRY},

    {NULL, "invalid_blocks*", CURE_PLAINER},
    {NULL, "msg_too_long", CURE_PLAINER},
    {NULL, "msg_blocks_too_long", CURE_PLAINER},
    {NULL, "no_text", CURE_PLAINER},
    {NULL, "too_many_attachments", CURE_PLAINER},
    {NULL, "attachment_payload_limit_exceeded", CURE_PLAINER},
    {NULL, "invalid_attachments", CURE_PLAINER},
    {NULL, "invalid_metadata_*", CURE_PLAINER},
    {NULL, "metadata_*", CURE_PLAINER},
    {NULL, "markdown_text_conflict", CURE_PLAINER},
    {NULL, "block_mismatch", CURE_PLAINER},
    {NULL, "view_too_large", CURE_PLAINER},
    {NULL, "invalid_arguments", CURE_PLAINER},

    {NULL, "channel_not_found", CURE_TARGET},
    {NULL, "not_in_channel", CURE_TARGET},
    {NULL, "is_archived", CURE_TARGET},
    {NULL, "restricted_action*", CURE_TARGET},
    {NULL, "user_not_found", CURE_TARGET},
    {NULL, "messages_tab_disabled", CURE_TARGET},
    {NULL, "cannot_reply_to_message", CURE_TARGET},
    {NULL, "slack_connect_*", CURE_TARGET},

    {NULL, "invalid_auth", CURE_TOKEN},
    {NULL, "not_authed", CURE_TOKEN},
    {NULL, "account_inactive", CURE_TOKEN},
    {NULL, "token_revoked", CURE_TOKEN},
    {NULL, "token_expired", CURE_TOKEN},
    {NULL, "not_allowed_token_type", CURE_TOKEN},
    {NULL, "org_login_required", CURE_TOKEN},
    {NULL, "ekm_access_denied", CURE_TOKEN},
    {NULL, "two_factor_setup_required", CURE_TOKEN},
    {NULL, "access_denied", CURE_TOKEN},
    {NULL, "accesslimited", CURE_TOKEN},
    {NULL, "team_access_not_granted", CURE_TOKEN},
    {NULL, "team_disabled", CURE_TOKEN},
    {NULL, "user_removed_from_team", CURE_TOKEN},
    {NULL, "forbidden_team", CURE_TOKEN},
    /* A scope that is missing for the connection itself stops everything; for one method it
     * stops that method. */
    {"apps.connections.open", "missing_scope", CURE_TOKEN},
    {"apps.connections.open", "no_permission", CURE_TOKEN},
    {"auth.test", "missing_scope", CURE_TOKEN},
    {"auth.test", "no_permission", CURE_TOKEN},

    /* Questions, and windows that open on a press: later they are of no use to anybody. */
    {"users.*", "*", CURE_DEAD},
    {"usergroups.*", "*", CURE_DEAD},
    {"views.*", "*", CURE_DEAD},
};

static bool fits(const char *pattern, const char *text)
{
	size_t len = strlen(pattern);

	if (pattern[len - 1] == '*')
		return strncmp(pattern, text, len - 1) == 0;
	return strcmp(pattern, text) == 0;
}

enum slack_cure slack_cure(const char *method, const char *error)
{
	if (text_is_empty(error))
		return CURE_RETRY; /* ok: false without a reason: not an answer to build on */
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].method != NULL && (method == NULL || !fits(errors[i].method, method)))
			continue;
		if (fits(errors[i].error, error))
			return errors[i].cure;
	}
	return CURE_PERSON;
}
