/* format - what each sample becomes, field by field; the language of formats; hostile bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "config/base/when.h"
#include "config/format.h"
#include "config/yaml.h"

#define NOW 1700000000
#define SAMPLES "tests/data/alerts/"

/* ---- samples -------------------------------------------------------------------------------------------- */

/* NULL: absent. LABELS: some that must be there, "name=value" each on a line. */
/* clang-format off */
static const struct sample {
	const char *format, *file;
	const char *rule, *title, *description, *severity, *status, *actor, *host, *ip, *process, *service, *env, *account,
	    *region, *url, *occurred_at;
	const char *labels;
	const char *notes;
	size_t label_count;
} samples[] = {
    {"falco", "falco/terminal-shell-in-container.json",
     .rule = "Terminal shell in container", .title = "Terminal shell in container",
     .description = "A shell was spawned in a container with an attached terminal (user=root user_loginuid=-1 k8s.ns=default "
                    "k8s.pod=kubecon container=ee97d9c4186f shell=sh parent=runc cmdline=sh -c clear; (bash || ash || sh) "
                    "terminal=34816 container_id=ee97d9c4186f image=docker.io/library/alpine)",
     .severity = "critical", .actor = "root", .host = "falco-xczjd", .process = "sh -c clear; (bash || ash || sh)",
     .service = "default", .occurred_at = "2023-05-25T13:44:05Z",
     .labels = "tags=container,mitre_execution,shell\nfalco.source=syscall\nk8s.pod.name=kubecon\nevt.time=1685022245478445995\n"
               "user.loginuid=-1\ncontainer.image.repository=docker.io/library/alpine",
     .label_count = 13},
    {"falco", "falco/shell-in-container-old-format.json",
     .rule = "Terminal shell in container", .title = "Terminal shell in container",
     .description = "A shell was spawned in a container with an attached terminal (user=root user_loginuid=-1 k8s.ns=default "
                    "k8s.pod=alpine container=5892b41bcf46 shell=sh parent=<NA> cmdline=sh terminal=34817 "
                    "container_id=5892b41bcf46 image=<NA>) k8s.ns=default k8s.pod=alpine container=5892b41bcf46",
     .severity = "low", .actor = "root", .host = "alpine", .process = "sh", .service = "default",
     .occurred_at = "2021-01-14T23:39:44Z", .labels = "container.id=5892b41bcf46\nproc.tty=34817", .label_count = 9},
    {"falco", "falco/internal-syscall-drop.json",
     .rule = "Falco internal: syscall event drop", .title = "Falco internal: syscall event drop",
     .description = "Falco internal: syscall event drop. 815508 system calls dropped in last second.", .severity = "info",
     .host = "host", .occurred_at = "2023-03-03T03:03:03Z", .labels = "n_drops=815508\nebpf_enabled=1", .label_count = 19},
    {"falco", "falco/falcosidekick-test-event.json",
     .rule = "Test rule", .title = "Test rule", .description = "This is a test from falcosidekick", .severity = "info",
     .host = "test-host", .process = "falcosidekick", .occurred_at = "2001-01-01T01:10:00Z",
     .labels = "tags=test,example\nfalco.source=syscalls\nproc.tty=1234", .label_count = 4},
    {"falco", "falco/k8saudit-attach-exec.json",
     .rule = "Attach/Exec Pod", .title = "Attach/Exec Pod",
     .description = "Attach/Exec to pod (user=kubernetes-admin pod=kubecon resource=pods ns=default action=exec command=sh)",
     .severity = "low", .actor = "kubernetes-admin", .host = "falco-k8saudit-eks-96d7f6f99-vwjgc",
     .occurred_at = "2023-05-10T14:09:24Z", .labels = "tags=k8s\nfalco.source=k8s_audit\nka.uri.param[command]=sh\nka.target.name=kubecon",
     .label_count = 9},
    {"falco", "falco/k8saudit-serviceaccount-created.json",
     .rule = "K8s Serviceaccount Created", .title = "K8s Serviceaccount Created",
     .description = "K8s Serviceaccount Created (user=system:node:ip-192-168-34-135.ec2.internal serviceaccount=default ns=default "
                    "resource=serviceaccounts resp=201 decision=allow reason=)",
     .severity = "info", .actor = "system:node:ip-192-168-34-135.ec2.internal", .host = "falco-k8saudit-eks-96d7f6f99-vwjgc",
     .occurred_at = "2023-05-10T14:09:17Z", .labels = "ka.response.code=201", .label_count = 9},

    {"threatstack", "threatstack/webhook-host-alert.json",
     .title = "Threat Intelligence Activity: Communication to openbl by 185.110.132.54", .severity = "low",
     .host = "Threat_Stack_Demo_Ubuntu1", .account = "545d0293b620cd090d000023", .occurred_at = "2016-03-31T17:57:04Z",
     .labels = "alert_id=56fd65138c1e0c173af5a3de\nthreatstack.source=Host", .label_count = 2},
    {"threatstack", "threatstack/webhook-host-alert-orgname.json",
     .title = "Threat Intelligence Activity: Communication to openbl by", .severity = "low",
     .host = "Threat_Stack_Demo_Ubuntu1", .account = "545d0293b620cd090d000023", .occurred_at = "2016-03-31T17:57:04Z",
     .labels = "organization_name=My Organization", .label_count = 3},
    {"threatstack", "threatstack/webhook-batch-composed.json",
     .title = "Netcat Detected!", .severity = "high", .host = "Threat_Stack_Demo_Ubuntu1",
     .account = "545d0293b620cd090d000023", .occurred_at = "2014-01-31T14:38:22Z",
     .labels = "alert_id=52ebb55fdf5fb93e710002ba", .label_count = 2},
    {"threatstack", "threatstack/api-v1-alert.json",
     .rule = "525740a144414e7d1c00000b", .title = "Netcat Detected!", .severity = "high", .occurred_at = "2014-01-31T14:38:22Z",
     .labels = "agent_id=52eafd46e5777f3a26000008\ntype=rule\nevent_count=6", .label_count = 6},

    {"guardduty", "guardduty/eventbridge-ec2-c2-dns.json",
     .rule = "Backdoor:EC2/C&CActivity.B!DNS",
     .title = "Command and Control server domain name queried by EC2 instance i-99999999.",
     .description = "EC2 instance i-99999999 is querying a domain name associated with a known Command & Control server.",
     .severity = "medium", .host = "i-99999999", .account = "111122223333", .region = "us-east-1",
     .occurred_at = "2017-12-08T15:32:49Z",
     .labels = "finding_id=b4b01b60fc24a199139f8f5f490edd81\nresource_type=Instance\naction=DNS_REQUEST\ndomain=example.com\nsample=true",
     .label_count = 7},
    {"guardduty", "guardduty/sns-wrapped-eventbridge-composed.json",
     .rule = "Backdoor:EC2/C&CActivity.B!DNS",
     .title = "Command and Control server domain name queried by EC2 instance i-99999999.",
     .description = "EC2 instance i-99999999 is querying a domain name associated with a known Command & Control server.",
     .severity = "medium", .host = "i-99999999", .account = "111122223333", .region = "us-east-1",
     .occurred_at = "2017-12-08T15:32:49Z", .labels = "topic=arn:aws:sns:us-west-2:123456789012:MyTopic", .label_count = 8},
    {"guardduty", "guardduty/raw-attack-sequence-critical.json",
     .rule = "AttackSequence:IAM/CompromisedCredentials",
     .title = "Potential credential compromise of IAMUser/john_doe indicated by a sequence of actions.",
     .description =
         "A sequence of actions involving 4 signals indicating a possible credential compromise was observed for "
         "IAMUser/john_doe with principalId AIDA3UBBJ2K3TVEXAMPLE in account 111122223333\nbetween eventFirstSeen and "
         "eventLastSeen with the following behaviors:\n  - 5 MITRE ATT&CK tactics observed: Persistence, Privilege Escalation, "
         "Defense Evasion, Discovery, Initial Access\n  - 5 MITRE ATT&CK techniques observed: T1562.008 - Impair Defenses: "
         "Disable or Modify Cloud Logs, T1098.003 - Account Manipulation: Additional Cloud Roles, T1078.004 - Valid Accounts: "
         "Cloud Accounts, T1087.004 - Account Discovery: Cloud Account, T1098 - Account Manipulation\n  - Connected from a known "
         "Tor Exit Node: 10.0.0.1\n  - 4 sensitive APIs called: cloudtrail:DeleteTrail, iam:AttachRolePolicy, iam:CreateRole, "
         "iam:ListUsers\n",
     .severity = "critical", .account = "123456789012", .region = "us-east-1", .occurred_at = "2025-02-25T20:40:06Z",
     .labels = "resource_type=AttackSequence\narchived=false", .label_count = 4},
    {"guardduty", "guardduty/raw-iam-privesc-high.json",
     .rule = "PrivilegeEscalation:IAMUser/AdministrativePermissions",
     .title = "Principal AssumedRole:IAMRole attempted to add a policy to themselves that is highly permissive.",
     .description = "Principal AssumedRole:IAMRole attempted to add a highly permissive policy to themselves.",
     .severity = "high", .account = "123456789012", .region = "us-east-1", .occurred_at = "2020-02-14T18:12:22Z",
     .labels = "api=PutRolePolicy\naction=AWS_API_CALL", .label_count = 5},
    /* What a topic says in plain words is an alert as well. */
    {"guardduty", "sns/notification-plain.json",
     .title = "My First Message", .description = "Hello world!", .severity = "medium", .occurred_at = "2012-05-02T00:54:06Z",
     .notes = "severity is not given: taken as medium", .label_count = 1},
};
/* clang-format on */

static char *load(const char *file, size_t *len)
{
	char path[256];
	char *text;

	snprintf(path, sizeof(path), SAMPLES "%s", file);
	text = read_file(path, 1 << 20, len, NULL);
	if (text == NULL)
		fail_msg("%s is missing", path);
	return text;
}

static void same(const char *file, const char *field, const char *is, const char *wanted)
{
	if ((is == NULL) != (wanted == NULL) || (is != NULL && strcmp(is, wanted) != 0))
		fail_msg("%s: %s is \"%s\", not \"%s\"", file, field, is ? is : "(absent)",
		    wanted ? wanted : "(absent)");
}

static void has_labels(const char *file, const struct alert *alert, const char *labels)
{
	while (labels != NULL && *labels != '\0') {
		size_t len = strcspn(labels, "\n"), name = strcspn(labels, "=");
		char *key = xstrndup(labels, name),
		     *value = xstrndup(labels + name + 1, len - name - 1);

		same(file, key, alert_label(alert, key), value);
		free(key);
		free(value);
		labels += len + (labels[len] == '\n');
	}
}

static void check_sample(const struct sample *s, const struct alert *a)
{
	char when[32];

	same(s->file, "source", a->source, "here");
	same(s->file, "rule", a->rule, s->rule);
	same(s->file, "title", a->title, s->title);
	same(s->file, "description", a->description, s->description);
	same(s->file, "severity", severity_name(a->severity), s->severity);
	same(s->file, "status", a->is_resolve ? "resolved" : "firing",
	    s->status ? s->status : "firing");
	same(s->file, "actor", a->actor, s->actor);
	same(s->file, "host", a->host, s->host);
	same(s->file, "ip", a->ip, s->ip);
	same(s->file, "process", a->process, s->process);
	same(s->file, "service", a->service, s->service);
	same(s->file, "env", a->env, s->env);
	same(s->file, "account", a->account, s->account);
	same(s->file, "region", a->region, s->region);
	same(s->file, "url", a->url, s->url);
	time_write_rfc3339(a->occurred_at, when);
	same(s->file, "occurred_at", when, s->occurred_at);
	same(s->file, "notes", a->notes, s->notes);
	has_labels(s->file, a, s->labels);
	if (a->label_count != s->label_count)
		fail_msg("%s: %zu labels, not %zu", s->file, a->label_count, s->label_count);
	assert_int_equal(a->received_at, NOW);
	assert_int_equal(a->status, ALERT_OPEN);
	assert_non_null(a->dedup_key);
	assert_int_equal(strlen(a->dedup_key), strlen("here/") + 64);
}

static void sample__of_each_source__becomes_the_alert_of_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		struct format *format = format_open(s->format, "", NULL);
		struct format_result result;
		struct error err = {0};
		size_t len;
		char *text = load(s->file, &len);

		assert_non_null(format);
		if (!format_read(format, text, len, "here", false, NOW, &result, &err))
			fail_msg("%s: %s", s->file, err.text);
		assert_int_equal(result.count, 1);
		assert_int_equal(result.ignored, 0);
		assert_non_null(result.items[0].alert);
		check_sample(s, result.items[0].alert);
		if (!result.is_many)
			assert_string_equal(result.items[0].alert->body, text);
		format_result_fini(&result);
		free(text);
		format_free(format);
	}
}

static void sample__that_is_no_alert__is_ignored_without_a_mistake(void **state)
{
	static const char *const formats[] = {"guardduty", "threatstack"};
	struct format_result result;
	size_t len;
	char *text = load("sns/subscription-confirmation.json", &len);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct format *format = format_open(formats[i], "", NULL);

		assert_true(format_read(format, text, len, "here", false, NOW, &result, NULL));
		assert_int_equal(result.count, 0);
		assert_int_equal(result.ignored, 1);
		format_result_fini(&result);
		format_free(format);
	}
	free(text);
}

/* ---- bodies --------------------------------------------------------------------------------------------- */

struct reader {
	struct format *format;
	struct format_result result;
	struct error err;
	bool ok;
};

/* Reads BODY with the built-in format NAME. */
static void read_with(struct reader *r, const char *name, const char *body)
{
	*r = (struct reader){0};
	r->format = format_open(name, "", &r->err);
	assert_non_null(r->format);
	r->ok = format_read(r->format, body, strlen(body), "here", true, NOW, &r->result, &r->err);
}

/* Reads BODY with a format whose YAML is given. */
static void read_by(struct reader *r, const char *yaml, const char *body)
{
	char path[] = "/tmp/headsup-format-XXXXXX.yaml";
	int fd = mkstemps(path, 5);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
	close(fd);
	*r = (struct reader){0};
	r->format = format_open(path, "", &r->err);
	unlink(path);
	if (r->format == NULL)
		fail_msg("%s\n%s", yaml, r->err.text);
	r->ok = format_read(r->format, body, strlen(body), "here", false, NOW, &r->result, &r->err);
}

static void reader_fini(struct reader *r)
{
	if (r->ok)
		format_result_fini(&r->result);
	format_free(r->format);
}

static const struct alert *only(const struct reader *r)
{
	if (!r->ok || r->result.count != 1 || r->result.items[0].alert == NULL)
		fail_msg("no alert: %s", r->err.text);
	return r->result.items[0].alert;
}

static void normalised__with_all_members__is_read(void **state)
{
	struct reader r;
	const struct alert *a;

	(void)state;
	read_with(&r, "headsup",
	    "{\"title\":\"t\",\"description\":\"d\",\"severity\":\"HIGH\",\"rule\":\"r\","
	    "\"source\":\"s\",\"actor\":\"unknown\",\"host\":\"h\","
	    "\"ip\":\"10.0.0.1\",\"process\":\"p\",\"service\":\"sv\",\"env\":\"e\",\"account\":"
	    "\"ac\",\"region\":\"re\","
	    "\"url\":\"https://x/"
	    "\",\"dedup_key\":\"k\",\"occurred_at\":\"2026-03-02T19:45:22+01:00\",\"status\":"
	    "\"resolved\","
	    "\"labels\":{\"a\":\"1\",\"n\":2.5,\"b\":true,\"z\":null},\"team\":\"red\",\"deep\":{"
	    "\"x\":[1]}}");
	a = only(&r);
	assert_string_equal(a->title, "t");
	assert_string_equal(a->description, "d");
	assert_int_equal(a->severity, SEVERITY_HIGH);
	assert_string_equal(a->rule, "r");
	assert_string_equal(a->source, "s");
	assert_string_equal(a->actor, "unknown");
	assert_string_equal(a->ip, "10.0.0.1");
	assert_string_equal(a->url, "https://x/");
	assert_string_equal(a->dedup_key, "k");
	assert_int_equal(a->occurred_at, 1772477122);
	assert_true(a->is_resolve);
	assert_null(a->notes);
	assert_int_equal(a->label_count, 5);
	assert_string_equal(alert_label(a, "n"), "2.5");
	assert_string_equal(alert_label(a, "b"), "true");
	assert_string_equal(alert_label(a, "team"), "red");
	assert_string_equal(alert_label(a, "deep"), "{\"x\":[1]}");
	reader_fini(&r);
}

static void normalised__with_members_that_cannot_be_read__fires_and_says_so(void **state)
{
	static const struct {
		const char *member, *field, *note;
	} cases[] = {
	    {"\"host\":5", "host", "host cannot be read"},
	    {"\"actor\":{\"a\":1}", "actor", "actor cannot be read"},
	    {"\"actor\":[\"a\"]", "actor", "actor cannot be read"},
	    {"\"rule\":true", "rule", "rule cannot be read"},
	    {"\"ip\":\"999.1.1.1\"", "ip", "ip cannot be read: \"999.1.1.1\""},
	    {"\"url\":\"javascript:alert(1)\"", "url",
		"url cannot be read: \"javascript:alert(1)\""},
	    {"\"occurred_at\":\"yesterday\"", NULL,
		"occurred_at cannot be read: \"yesterday\": taken as the time of receipt"},
	    {"\"occurred_at\":1772477122", NULL,
		"occurred_at cannot be read: taken as the time of receipt"},
	    {"\"severity\":\"bad\\nword\"", NULL,
		"severity cannot be read: \"bad word\": taken as medium"},
	    {"\"severity\":1", NULL, "severity cannot be read: taken as medium"},
	    {"\"status\":\"gone\"", NULL, "status cannot be read: \"gone\": taken as firing"},
	    {"\"labels\":\"a\"", NULL, "labels cannot be read"},
	    {"\"labels\":[1]", NULL, "labels cannot be read"},
	    {"\"dedup_key\":7", NULL, "dedup_key cannot be read"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reader r;
		char body[256], space[32];
		const struct alert *a;

		snprintf(body, sizeof(body), "{\"title\":\"t\",%s}", cases[i].member);
		read_with(&r, "headsup", body);
		a = only(&r);
		if (a->notes == NULL || strstr(a->notes, cases[i].note) == NULL)
			fail_msg("%s: %s", cases[i].member, a->notes ? a->notes : "no note");
		if (cases[i].field != NULL)
			assert_null(alert_value(a, cases[i].field, space));
		assert_int_equal(a->severity, SEVERITY_MEDIUM);
		assert_int_equal(a->occurred_at, NOW);
		assert_false(a->is_resolve);
		assert_non_null(a->dedup_key);
		reader_fini(&r);
	}
}

static void normalised__without_a_good_title__is_a_mistake(void **state)
{
	static const char *const bodies[] = {"{}", "{\"title\":\"\"}", "{\"title\":\" \\n\"}",
	    "{\"title\":5}", "{\"title\":null}", "{\"Title\":\"t\"}", "{\"title\":[\"t\"]}", "5",
	    "\"t\"", "null", "", "\n ", "{", "{\"title\":\"t\"} x", "[[{\"title\":\"t\"}]"};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct reader r;

		read_with(&r, "headsup", bodies[i]);
		if (r.ok || r.err.kind != ERROR_USAGE || r.err.text[0] == '\0')
			fail_msg("%s was taken, or no word was said", bodies[i]);
		reader_fini(&r);
	}
}

static void normalised__in_a_list__spoils_no_other(void **state)
{
	struct reader r;

	(void)state;
	read_with(&r, "headsup",
	    "[{\"title\":\"a\"},{\"host\":\"h\"},5,{\"title\":\"b\" , "
	    "\"host\":\"x\"},[{\"title\":\"c\"}]]");
	assert_true(r.ok);
	assert_true(r.result.is_many);
	assert_int_equal(r.result.count, 5);
	assert_string_equal(r.result.items[0].alert->title, "a");
	assert_string_equal(r.result.items[0].alert->body, "{\"title\":\"a\"}");
	assert_null(r.result.items[1].alert);
	assert_string_equal(r.result.items[1].error.text, "title is missing");
	assert_string_equal(r.result.items[2].error.text, "an alert is a JSON object");
	assert_string_equal(r.result.items[3].alert->title, "b");
	assert_string_equal(r.result.items[3].alert->body, "{\"title\":\"b\",\"host\":\"x\"}");
	assert_null(r.result.items[4].alert);
	reader_fini(&r);

	read_with(&r, "headsup", "[]");
	assert_true(r.ok);
	assert_int_equal(r.result.count, 0);
	assert_true(r.result.is_many);
	reader_fini(&r);
}

static void normalised__from_a_sender_that_names_no_source__keeps_its_own(void **state)
{
	struct format *format = format_open("headsup", "", NULL);
	struct format_result result;
	static const char body[] = "{\"title\":\"t\",\"source\":\"other\"}";

	(void)state;
	assert_true(format_read(format, body, strlen(body), "here", false, NOW, &result, NULL));
	assert_string_equal(result.items[0].alert->source, "here");
	assert_int_equal(result.items[0].alert->label_count, 0);
	format_result_fini(&result);
	format_free(format);
}

static void body__of_lines__is_one_alert_each(void **state)
{
	struct reader r;

	(void)state;
	read_with(&r, "falco",
	    "{\"rule\":\"a\",\"priority\":\"Error\"}\n\n{\"rule\":\"b\" }\r\n{\"rule\n");
	assert_true(r.ok);
	assert_true(r.result.is_many);
	assert_int_equal(r.result.count, 3);
	assert_string_equal(r.result.items[0].alert->rule, "a");
	assert_int_equal(r.result.items[0].alert->severity, SEVERITY_HIGH);
	assert_string_equal(r.result.items[1].alert->body, "{\"rule\":\"b\" }\r");
	assert_null(r.result.items[2].alert);
	reader_fini(&r);

	read_with(&r, "falco", "no json\n{\"rule\":\"b\"}\n");
	assert_false(r.ok);
	assert_int_equal(r.err.kind, ERROR_USAGE);
	reader_fini(&r);
}

static void body__of_too_many_alerts__is_refused(void **state)
{
	struct reader r;
	struct buf body;

	(void)state;
	for (int n = FORMAT_ALERTS_MAX; n <= FORMAT_ALERTS_MAX + 1; n++) {
		buf_init(&body, 1 << 20);
		buf_puts(&body, "[{\"title\":\"t\"}");
		for (int i = 1; i < n; i++)
			buf_puts(&body, ",{\"title\":\"t\"}");
		buf_putc(&body, ']');
		read_with(&r, "headsup", buf_text(&body));
		assert_int_equal(r.ok, n == FORMAT_ALERTS_MAX);
		if (!r.ok)
			assert_int_equal(r.err.kind, ERROR_TOO_LONG);
		reader_fini(&r);
		buf_fini(&body);
	}
}

static void falco__that_says_little_or_nonsense__still_fires(void **state)
{
	struct reader r;
	const struct alert *a;

	(void)state;
	read_with(&r, "falco",
	    "{\"output\":\"2026-03-02T18:45:22.123456789+0000: Warning hey "
	    "(x)\",\"priority\":\"Dire\",\"time\":\"0000-00-00\","
	    "\"hostname\":\"<NA>\",\"output_fields\":{\"user.name\":\"<NA>\",\"container.name\":"
	    "\"c\"}}");
	a = only(&r);
	assert_string_equal(a->title, "hey (x)");
	assert_string_equal(a->description, "hey (x)");
	assert_null(a->rule);
	assert_null(a->actor);
	assert_string_equal(a->host, "c");
	assert_int_equal(a->severity, SEVERITY_MEDIUM);
	assert_int_equal(a->occurred_at, NOW);
	assert_non_null(strstr(a->notes, "severity cannot be read: \"Dire\": taken as medium"));
	assert_non_null(strstr(
	    a->notes, "occurred_at cannot be read: \"0000-00-00\": taken as the time of receipt"));
	reader_fini(&r);

	read_with(&r, "falco", "{\"rule\":\"r\",\"output_fields\":[1]}");
	assert_non_null(strstr(only(&r)->notes, "output_fields cannot be read"));
	reader_fini(&r);

	read_with(&r, "falco", "{\"hello\":1}");
	assert_false(r.ok);
	reader_fini(&r);
}

static void falco__repeats_and_look_alikes__have_the_right_keys(void **state)
{
	static const char *const bodies[] = {
	    "{\"rule\":\"r\",\"hostname\":\"h\",\"time\":\"2026-01-01T00:00:00Z\",\"output\":\"a\","
	    "\"output_fields\":{\"user.name\":\"u\",\"proc.name\":\"p\"}}",
	    "{\"rule\":\"r\",\"hostname\":\"h\",\"time\":\"2026-01-02T00:00:00Z\",\"output\":\"b\","
	    "\"uuid\":\"x\",\"output_fields\":{\"user.name\":\"u\",\"proc.name\":\"p\"}}",
	    "{\"rule\":\"r\",\"hostname\":\"h\",\"output_fields\":{\"user.name\":\"up\"}}",
	    "{\"rule\":\"r\",\"hostname\":\"h\",\"output_fields\":{\"user.name\":\"u\",\"container."
	    "id\":\"p\"}}",
	    "{\"rule\":\"r1:h\",\"output_fields\":{\"user.name\":\"u\",\"proc.name\":\"p\"}}",
	};
	char *keys[5];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct reader r;

		read_with(&r, "falco", bodies[i]);
		keys[i] = xstrdup(only(&r)->dedup_key);
		reader_fini(&r);
	}
	assert_string_equal(keys[0], keys[1]);
	for (size_t i = 1; i < 5; i++)
		for (size_t k = i + 1; k < 5; k++)
			assert_string_not_equal(keys[i], keys[k]);
	for (size_t i = 0; i < 5; i++)
		free(keys[i]);
}

static void threatstack__by_source_and_severity__is_told_apart(void **state)
{
	static const struct {
		const char *body;
		enum severity severity;
		const char *host, *region;
		bool resolved;
	} cases[] = {
	    {"{\"title\":\"t\",\"severity\":1,\"source\":\"Host\",\"server_or_region\":\"web-1\"}",
		SEVERITY_HIGH, "web-1", NULL, false},
	    {"{\"title\":\"t\",\"severity\":\"2\",\"source\":\"CloudTrail\",\"server_or_region\":"
	     "\"us-east-1\"}",
		SEVERITY_MEDIUM, NULL, "us-east-1", false},
	    {"{\"title\":\"t\",\"severity\":3.0,\"dismissed\":true}", SEVERITY_LOW, NULL, NULL,
		true},
	    {"{\"title\":\"t\",\"severity\":9}", SEVERITY_MEDIUM, NULL, NULL, false},
	    {"{\"title\":\"t\"}", SEVERITY_MEDIUM, NULL, NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reader r;
		const struct alert *a;

		read_with(&r, "threatstack", cases[i].body);
		a = only(&r);
		assert_int_equal(a->severity, cases[i].severity);
		same(cases[i].body, "host", a->host, cases[i].host);
		same(cases[i].body, "region", a->region, cases[i].region);
		assert_int_equal(a->is_resolve, cases[i].resolved);
		reader_fini(&r);
	}
}

static void guardduty__severity__follows_the_scale(void **state)
{
	static const struct {
		const char *severity;
		enum severity is;
		bool noted;
	} cases[] = {{"10", SEVERITY_CRITICAL, false}, {"9", SEVERITY_CRITICAL, false},
	    {"8.9", SEVERITY_HIGH, false}, {"7", SEVERITY_HIGH, false},
	    {"6.9", SEVERITY_MEDIUM, false}, {"4", SEVERITY_MEDIUM, false},
	    {"3.9", SEVERITY_LOW, false}, {"\"1\"", SEVERITY_LOW, false},
	    {"0.5", SEVERITY_MEDIUM, true}, {"\"x\"", SEVERITY_MEDIUM, true},
	    {"null", SEVERITY_MEDIUM, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reader r;
		char body[64];

		snprintf(
		    body, sizeof(body), "{\"title\":\"t\",\"severity\":%s}", cases[i].severity);
		read_with(&r, "guardduty", body);
		assert_int_equal(only(&r)->severity, cases[i].is);
		assert_int_equal(only(&r)->notes != NULL, cases[i].noted);
		reader_fini(&r);
	}
}

static void guardduty__from_the_api__is_read_in_capitals(void **state)
{
	struct reader r;
	const struct alert *a;

	(void)state;
	read_with(&r, "guardduty",
	    "{\"Findings\":[{\"Id\":\"1\",\"AccountId\":\"123\",\"Type\":\"A:B/"
	    "C\",\"Title\":\"t\",\"Severity\":8,\"UpdatedAt\":\"2026-01-01T00:00:00Z\","
	    "\"Resource\":{\"AccessKeyDetails\":{\"UserName\":\"eve\"}},\"Service\":{\"Action\":{"
	    "\"PortProbeAction\":{\"PortProbeDetails\":"
	    "[{\"LocalPortDetails\":{}},{\"RemoteIpDetails\":{\"IpAddressV4\":\"1.2.3.4\"}}]}}}}]"
	    "}");
	a = only(&r);
	assert_string_equal(a->rule, "A:B/C");
	assert_string_equal(a->actor, "eve");
	assert_string_equal(a->ip, "1.2.3.4");
	assert_string_equal(a->account, "123");
	assert_int_equal(a->severity, SEVERITY_HIGH);
	assert_true(r.result.is_many);
	reader_fini(&r);
}

/* ---- the language --------------------------------------------------------------------------------------- */

/* One thing the language can say: with YAML, BODY gives FIELD the value IS. */
/* clang-format off */
static const struct {
	const char *yaml, *body, *field, *is;
} language[] = {
    /* pointers */
    {"fields: {title: /a~1b/~0}", "{\"a/b\":{\"~\":\"x\"}}", "title", "x"},
    {"fields: {title: /a/1}", "{\"a\":[\"x\",\"y\"]}", "title", "y"},
    {"fields: {title: /a/-1}", "{\"a\":[\"x\",\"y\"]}", "title", "y"},
    {"fields: {title: /a/1}", "{\"a\":{\"1\":\"y\"}}", "title", "y"},
    {"fields: {title: [/a, /b]}", "{\"a\":\"\",\"b\":\"y\"}", "title", "y"},
    {"fields: {title: [/a, /b]}", "{\"a\":{\"c\":1},\"b\":\"y\"}", "title", "y"},
    {"fields: {title: {at: [/a, /b]}}", "{\"a\":\"null\",\"b\":\"y\"}", "title", "y"},
    {"fields: {title: /a/*/b}", "{\"a\":[{\"c\":1},{\"b\":\"\"},{\"b\":\"y\"}]}", "title", "y"},
    {"fields: {title: /process_*/binary}", "{\"node\":\"n\",\"process_exec\":{\"binary\":\"/bin/sh\"}}", "title", "/bin/sh"},
    {"fields: {title: \"/f/[title=host|Agent]/value\"}", "{\"f\":[{\"title\":\"x\",\"value\":\"1\"},{\"title\":\"agent\",\"value\":\"2\"}]}", "title", "2"},
    {"fields: {title: \"/e/[user]/user/name\"}", "{\"e\":[{\"ip\":1},{\"user\":\"u\"},{\"user\":1}]}", "title", "t alert"},
    {"fields: {title: \"/ka.uri.param[command]\"}", "{\"ka.uri.param[command]\":\"sh\"}", "title", "sh"},
    {"fields: {title: /n}", "{\"n\":1685022245478445995}", "title", "1685022245478445995"},
    {"fields: {title: /n}", "{\"n\":1.50}", "title", "1.5"},
    /* layers */
    {"unwrap: [{into: /a}, {into: /b}]\nfields: {title: /t, host: ^/h, actor: ^^/w}", "{\"w\":\"me\",\"a\":{\"h\":\"hh\",\"b\":{\"t\":\"x\"}}}", "host", "hh"},
    {"unwrap: [{into: /a}, {into: /b}]\nfields: {title: /t, host: ^/h, actor: ^^/w}", "{\"w\":\"me\",\"a\":{\"h\":\"hh\",\"b\":{\"t\":\"x\"}}}", "actor", "me"},
    {"unwrap: [{into: /list}]\nfields: {title: /t, host: ^/h}", "{\"h\":\"hh\",\"list\":[{\"t\":\"x\"}]}", "host", "hh"},
    {"unwrap: [{json: /m}, {json: /m}]\nfields: {title: /t}", "{\"m\":\"{\\\"m\\\":\\\"{\\\\\\\"t\\\\\\\":\\\\\\\"x\\\\\\\"}\\\"}\"}", "title", "x"},
    {"unwrap: [{into: /a, when: {at: /kind, is: wrapped}}]\nfields: {title: /t}", "{\"kind\":\"bare\",\"t\":\"x\",\"a\":{\"t\":\"y\"}}", "title", "x"},
    {"unwrap: [{each: [/new, /gone]}]\nfields: {title: /t, actor: {text: gone, when: {from: gone}}, host: {text: new, when: {from: [x, new]}}}", "{\"new\":[],\"gone\":[{\"t\":\"x\"}]}", "actor", "gone"},
    {"unwrap: [{each: [/new, /gone]}]\nfields: {title: /t, actor: {text: gone, when: {from: gone}}, host: {text: new, when: {from: [x, new]}}}", "{\"new\":[],\"gone\":[{\"t\":\"x\"}]}", "host", NULL},
    {"unwrap: [{into: /a/list}, {into: /b}]\nfields: {title: /t, actor: {text: y, when: {from: list}}}", "{\"a\":{\"list\":[{\"b\":{\"t\":\"x\"}}]}}", "actor", "y"},
    {"unwrap: [{json: /m, as: in}]\nfields: {title: /in/t, host: /h}", "{\"h\":\"hh\",\"m\":\"{\\\"t\\\":\\\"x\\\"}\"}", "title", "x"},
    {"unwrap: [{json: /m, as: in}]\nfields: {title: /in/t, host: /h}", "{\"h\":\"hh\",\"m\":\"{\\\"t\\\":\\\"x\\\"}\"}", "host", "hh"},
    {"unwrap: [{json: /m, as: in}]\nfields: {title: /in, host: /m}", "{\"in\":\"own\",\"m\":\"no json\"}", "title", "own"},
    {"unwrap: [{json: /m, base64: true}]\nfields: {title: /t}", "{\"m\":\"eyJ0IjoieCJ9\"}", "title", "x"},
    {"unwrap: [{json: /m, base64: true}]\nfields: {title: /m}", "{\"m\":\"e!J0\"}", "title", "e!J0"},
    {"read_as: [{format: falco, when: /rule}]\nfields: {title: {text: mine}}", "{\"rule\":\"r\",\"priority\":\"Error\"}", "severity", "high"},
    {"read_as: [{format: falco, into: /d, when: /d}]\nfields: {title: {text: mine}}", "{\"d\":{\"rule\":\"r\"}}", "title", "r"},
    {"read_as: [{format: falco, into: /d, when: /d}]\nfields: {title: {text: mine}}", "{\"d\":\"no object\"}", "title", "mine"},
    {"form: true\nfields: {title: /a, host: /b}", "a=x+y%21&b=web%2D1", "title", "x y!"},
    {"form: true\nfields: {title: /a, host: /b}", "a=x+y%21&b=web%2D1\n", "host", "web-1"},
    {"form: true\nfields: {title: /a}", "a=%00%ff%41%zz", "title", "\xEF\xBF\xBD\xEF\xBF\xBD" "A%zz"},
    /* names with dots */
    {"fields: {title: /a.b.c}", "{\"a.b.c\":\"flat\",\"a\":{\"b\":{\"c\":\"deep\"}}}", "title", "flat"},
    {"fields: {title: /a.b.c}", "{\"a\":{\"b\":{\"c\":\"deep\"}}}", "title", "deep"},
    {"fields: {title: /a.b.c}", "{\"a.b\":{\"c\":\"half\"}}", "title", "half"},
    {"fields: {title: /a.b.c}", "{\"a\":{\"b.c\":\"half\"}}", "title", "half"},
    {"fields: {title: [/a.b, /z]}", "{\"a\":\"b\",\"z\":\"z\"}", "title", "z"},
    /* what is done to a text */
    {"fields: {title: {name_of: /process_*}}", "{\"node\":1,\"process_exec\":{}}", "title", "process_exec"},
    {"fields: {title: {at: /l/*/n, join: \"+\"}}", "{\"l\":[{\"n\":\"a\"},{\"n\":\"b\"},{\"n\":\"a\"},{}]}", "title", "a+b"},
    {"fields: {title: {at: [/none, /l], join: \"+\"}}", "{\"l\":[\"a\",1]}", "title", "a+1"},
    {"fields: {title: {at: /a, strip: ['%%%', '@[a-z-]+']}}", "{\"a\":\"%%%x @one y @two-z%%%\"}", "title", "x  y "},
    {"fields: {title: {at: /a, strip: 'x*'}}", "{\"a\":\"xxay\"}", "title", "ay"},
    {"fields: {title: {at: /a, decode: html}}", "{\"a\":\"&#39;&#x41;&#233;&#0;&#xD800;&bogus;&\"}", "title", "'A\xC3\xA9&#0;&#xD800;&bogus;&"},
    {"fields: {title: {at: /a, decode: slack}}", "{\"a\":\"<https://x|y> <https://z> <!here> <@U1|bob> <#C1|gen> 1 < 2 > &lt;b&gt; <!date^1^{d}|noon>\"}", "title", "y https://z @here @bob #gen 1 < 2 > <b> noon"},
    {"fields: {title: [[/a, /b], /c]}", "{\"b\":\"y\"}", "title", "y"},
    {"fields: {title: /t, severity: {at: /s, map: usual}}", "{\"t\":\"t\",\"s\":\"Emerg\"}", "severity", "critical"},
    {"fields: {title: /t, severity: {at: /s, map: usual}}", "{\"t\":\"t\",\"s\":\"P4\"}", "severity", "low"},
    {"fields: {title: {at: /a, match: '([^/]+)$'}}", "{\"a\":\"arn:aws:sts::1:assumed-role/Admin/eve\"}", "title", "eve"},
    {"fields: {title: [{at: /a, match: '^x(.)'}, /b]}", "{\"a\":\"yz\",\"b\":\"q\"}", "title", "q"},
    {"fields: {title: {at: /a, strip: '^\\[[^]]*\\] '}}", "{\"a\":\"[Triggered] cpu\"}", "title", "cpu"},
    {"fields: {title: {at: /a, join: \", \"}}", "{\"a\":[\"x\",null,5]}", "title", "x, 5"},
    {"fields: {title: {at: /a, decode: html}}", "{\"a\":\"&quot;a&#x2F;b&amp;lt;\"}", "title", "\"a/b&lt;"},
    {"fields: {title: {text: \"{/a} on {host|some host}\"}, host: /h}", "{\"a\":\"x\",\"h\":\"web\"}", "title", "x on web"},
    {"fields: {title: {text: \"{/a} on {host|some host}{{}\"}, host: /h}", "{\"a\":\"x\"}", "title", "x on some host{}"},
    {"fields: {title: [{text: \"{/a} {/b}\"}, /a]}", "{\"a\":\"x\"}", "title", "x"},
    {"fields: {title: /t, env: {label: env}}\nlabels: [{pairs: /tags}]", "{\"t\":\"t\",\"tags\":\"env:prod, service:web\"}", "env", "prod"},
    {"fields: {title: /t, env: {label: env}}\nlabels: [{pairs: /tags}]", "{\"t\":\"t\",\"tags\":[\"a\",\"env=prod\"]}", "env", "prod"},
    {"fields: {title: /t, env: {label: env}}\nlabels: [{pairs: /tags}]", "{\"t\":\"t\",\"tags\":[{\"key\":\"env\",\"value\":\"prod\"}]}", "env", "prod"},
    {"fields: {title: /t, env: {label: env}}\nlabels: [{pairs: /f, key: title, value: v}]", "{\"t\":\"t\",\"f\":[{\"title\":\"env\",\"v\":\"prod\"}]}", "env", "prod"},
    {"fields: {title: /t, env: {label: x.env}}\nlabels: [{members: /l, prefix: x.}]", "{\"t\":\"t\",\"l\":{\"env\":\"prod\"}}", "env", "prod"},
    /* severity */
    {"fields: {title: /t, severity: {at: /s, map: {moderate: medium, Bad: high}}}", "{\"t\":\"t\",\"s\":\"BAD\"}", "severity", "high"},
    {"fields: {title: /t, severity: {at: /s, map: {x: high, \"*\": low}}}", "{\"t\":\"t\",\"s\":\"?\"}", "severity", "low"},
    {"fields: {title: /t, severity: {at: /s, at_most: {3: high, 5: medium, 6: low, 7: info}}}", "{\"t\":\"t\",\"s\":0}", "severity", "high"},
    {"fields: {title: /t, severity: {at: /s, at_most: {3: high, 5: medium, 6: low, 7: info}}}", "{\"t\":\"t\",\"s\":6}", "severity", "low"},
    {"fields: {title: /t, severity: {at: /s, at_most: {3: high, 5: medium, 6: low, 7: info}}}", "{\"t\":\"t\",\"s\":8}", "severity", "medium"},
    {"fields: {title: /t, severity: {at: /s, at_least: {14: critical, 10: high}, map: {weird: info}}}", "{\"t\":\"t\",\"s\":\"weird\"}", "severity", "info"},
    {"fields: {title: /t, severity: [{at: /type, map: {grant: high}}, {at: /s, map: {WARN: low}}]}", "{\"t\":\"t\",\"type\":\"other\",\"s\":\"warn\"}", "severity", "low"},
    {"fields: {title: /t, severity: [/s, {text: high}]}", "{\"t\":\"t\"}", "severity", "high"},
    {"fields: {title: /t, severity: [{text: critical, when: {at: /c, above: 0}}, {text: low, when: {at: /l, above: 0}}]}", "{\"t\":\"t\",\"c\":0,\"l\":2}", "severity", "low"},
    /* dates */
    {"fields: {title: /t, occurred_at: [/a, /b]}", "{\"t\":\"t\",\"a\":\"0001-01-01T00:00:00Z\",\"b\":\"1391179102237\"}", "occurred_at", "2014-01-31T14:38:22Z"},
    {"fields: {title: /t, occurred_at: /a}", "{\"t\":\"t\",\"a\":1685022245478445995}", "occurred_at", "2023-05-25T13:44:05Z"},
    {"fields: {title: /t, occurred_at: /a}", "{\"t\":\"t\",\"a\":\"+01.00\"}", "occurred_at", "2023-11-14T22:13:20Z"},
    /* what means absent */
    {"fields: {title: /t, actor: [/a, /b]}", "{\"t\":\"t\",\"a\":\"Unknown\",\"b\":\"eve\"}", "actor", "eve"},
    {"fields: {title: /t, actor: [/a, /b]}", "{\"t\":\"t\",\"a\":\"-\",\"b\":null}", "actor", NULL},
    {"absent: [nobody]\nfields: {title: /t, actor: /a}", "{\"t\":\"t\",\"a\":\"nobody\"}", "actor", NULL},
    {"absent_matches: '^\\$[A-Z]+$'\nfields: {title: [/t, /u], actor: /a}", "{\"t\":\"$TITLE\",\"u\":\"$5 lost\",\"a\":\"$USER\"}", "title", "$5 lost"},
    {"absent_matches: '^\\$[A-Z]+$'\nfields: {title: [/t, /u], actor: /a}", "{\"t\":\"$TITLE\",\"u\":\"$5 lost\",\"a\":\"$USER\"}", "actor", NULL},
    {"fields: {title: /t}", "{\"t\":\"unknown\"}", "title", "unknown"},
    {"fields: {title: /t, rule: /r}", "{\"r\":\"rr\"}", "title", "rr"},
    {"fields: {title: /t, ip: [/a, /b]}", "{\"t\":\"t\",\"a\":\"AWS Internal\",\"b\":\"::1\"}", "ip", "::1"},
    {"fields: {title: /t, dedup_key: /k}", "{\"t\":\"t\",\"k\":\"mine\"}", "dedup_key", "mine"},
};
/* clang-format on */

static void language__in_each_of_its_words__does_what_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(language) / sizeof(language[0]); i++) {
		struct reader r;
		char space[32], where[64];
		const char *value;

		read_by(&r, language[i].yaml, language[i].body);
		value = alert_value(only(&r), language[i].field, space);
		snprintf(where, sizeof(where), "case %zu", i);
		if (value != NULL && strstr(value, " alert") != NULL &&
		    strstr(value, "headsup-format-") == value)
			value = "t alert"; /* named after its file, which is a random one */
		same(where, language[i].yaml, value, language[i].is);
		reader_fini(&r);
	}
}

static void conditions__of_each_kind__hold_when_they_should(void **state)
{
	static const struct {
		const char *condition, *body;
		bool holds;
	} cases[] = {
	    {"{at: /a, is: x}", "{\"a\":\"X\"}", true},
	    {"{at: /a, is: [y, x]}", "{\"a\":\"x\"}", true},
	    {"{at: /a, is: x}", "{\"a\":\"xy\"}", false},
	    {"{at: /a, is: x}", "{}", false},
	    {"{at: /a, is: \"true\"}", "{\"a\":true}", true},
	    {"{at: /a, is_not: x}", "{\"a\":\"y\"}", true},
	    {"{at: /a, is_not: x}", "{}", true},
	    {"{at: /a, is_not: x}", "{\"a\":\"x\"}", false},
	    {"{at: /a, matches: '^x+$'}", "{\"a\":\"xx\"}", true},
	    {"{at: /a, matches: '^x+$'}", "{\"a\":\"xxy\"}", false},
	    {"{at: /a, above: 3}", "{\"a\":4}", true},
	    {"{at: /a, above: 3}", "{\"a\":\"3\"}", false},
	    {"{at: /a, above: 3}", "{\"a\":\"many\"}", false},
	    {"{at: /a, above: 1, below: 3}", "{\"a\":2}", true},
	    {"{at: /a, below: 3}", "{\"a\":3}", false},
	    {"{at: /a}", "{\"a\":{}}", true},
	    {"{at: /a}", "{\"a\":null}", false},
	    {"/a", "{\"a\":0}", true},
	    {"{at: /a, there: false}", "{\"a\":null}", true},
	    {"{at: /a, there: false}", "{\"a\":1}", false},
	    {"{at: /a, past: true}", "{\"a\":\"2020-01-01T00:00:00Z\"}", true},
	    {"{at: /a, past: true}", "{\"a\":\"2033-01-01T00:00:00Z\"}", false},
	    {"{at: /a, past: true}", "{\"a\":\"0001-01-01T00:00:00Z\"}", false},
	    {"{at: /a/*, is: x}", "{\"a\":[\"y\",\"x\"]}", true},
	    {"[{at: /a, is: x}, {at: /b, is: y}]", "{\"a\":\"x\"}", false},
	    {"[{at: /a, is: x}, {at: /b, is: y}]", "{\"a\":\"x\",\"b\":\"y\"}", true},
	    {"{any: [{at: /a, is: x}, {at: /b, is: y}]}", "{\"b\":\"y\"}", true},
	    {"{any: [{at: /a, is: x}, {at: /b, is: y}]}", "{\"b\":\"z\"}", false},
	    {"{at: /c, any: [{at: /a, is: x}, /b]}", "{\"b\":\"y\"}", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reader r;
		char yaml[512];

		snprintf(yaml, sizeof(yaml), "ignore: [%s]\nfields: {title: {text: t}}\n",
		    cases[i].condition);
		read_by(&r, yaml, cases[i].body);
		assert_true(r.ok);
		if ((r.result.ignored == 1) != cases[i].holds)
			fail_msg("%s of %s", cases[i].condition, cases[i].body);
		reader_fini(&r);
	}
}

static void status__by_map_or_date__resolves(void **state)
{
	static const char yaml[] = "fields:\n  title: {text: t}\n  status:\n"
				   "    - {text: resolved, when: {at: /endsAt, past: true}}\n"
				   "    - {at: /status, map: {ok: resolved, alerting: firing}}\n";
	static const struct {
		const char *body;
		bool resolved, noted;
	} cases[] = {
	    {"{\"status\":\"ok\"}", true, false},
	    {"{\"status\":\"alerting\"}", false, false},
	    {"{\"status\":\"alerting\",\"endsAt\":\"2020-01-01T00:00:00Z\"}", true, false},
	    {"{\"status\":\"odd\"}", false, true},
	    {"{}", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reader r;

		read_by(&r, yaml, cases[i].body);
		assert_int_equal(only(&r)->is_resolve, cases[i].resolved);
		assert_int_equal(strstr(only(&r)->notes, "status") != NULL, cases[i].noted);
		reader_fini(&r);
	}
}

static void dedup__by_a_set_of_labels__does_not_depend_on_their_order(void **state)
{
	static const char yaml[] = "fields: {title: {text: t}}\ndedup: [/labels]\n";
	static const char *const bodies[] = {"{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}",
	    "{\"labels\":{\"b\":\"2\",\"a\":\"1\"},\"x\":1}",
	    "{\"labels\":{\"a\":\"1\",\"b\":\"3\"}}", "{\"labels\":{\"a\":\"12:b=1:2\"}}"};
	char *keys[4];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct reader r;

		read_by(&r, yaml, bodies[i]);
		keys[i] = xstrdup(only(&r)->dedup_key);
		reader_fini(&r);
	}
	assert_string_equal(keys[0], keys[1]);
	assert_string_not_equal(keys[0], keys[2]);
	assert_string_not_equal(keys[0], keys[3]);
	for (size_t i = 0; i < 4; i++)
		free(keys[i]);
}

static void rest__of_members__becomes_labels(void **state)
{
	struct reader r;
	const struct alert *a;

	(void)state;
	read_by(&r,
	    "fields: {title: /t, host: {at: /h/name}}\nlabels: [{rest: true, except: [secret]}]\n",
	    "{\"t\":\"t\",\"h\":{\"name\":\"x\"},\"secret\":\"s\",\"a\":\"1\",\"o\":{\"p\":1},"
	    "\"n\":7,\"e\":\"\"}");
	a = only(&r);
	assert_int_equal(a->label_count, 2);
	assert_string_equal(alert_label(a, "a"), "1");
	assert_string_equal(alert_label(a, "n"), "7");
	reader_fini(&r);
}

static void read_request(struct reader *r, const char *yaml, const char *body,
    const struct format_header *headers, size_t header_count)
{
	struct format_input input = {.body = body,
	    .len = strlen(body),
	    .source = "here",
	    .now = NOW,
	    .headers = headers,
	    .header_count = header_count};

	read_by(r, yaml, "{\"title\":\"t\"}");
	assert_true(r->ok);
	format_result_fini(&r->result);
	r->ok = format_read_input(r->format, &input, &r->result, &r->err);
}

static void headers__that_say_what_is_sent__are_read_and_credentials_are_not(void **state)
{
	static const char yaml[] =
	    "fields:\n  title: [\"@/x-event\", {text: t}]\n  host: {text: \"{@/X-Host|none}\"}\n"
	    "labels:\n  - {members: \"@\"}\n";
	static const struct format_header headers[] = {{"X-Event", "alert"}, {"x-host", "web"},
	    {"Authorization", "Bearer s3cret"}, {"Cookie", "s3cret"}, {"X-Webhook-Token", "s3cret"},
	    {"x-hub-signature-256", "s3cret"}, {"X-Api-Key", "s3cret"}, {"X-Broken", "a\xff"}};
	struct reader r;
	const struct alert *a;

	(void)state;
	read_request(&r, yaml, "{}", headers, 8);
	a = only(&r);
	assert_string_equal(a->title, "alert");
	assert_string_equal(a->host, "web");
	assert_int_equal(a->label_count, 3);
	assert_string_equal(alert_label(a, "x-broken"), "a\xEF\xBF\xBD");
	reader_fini(&r);

	read_request(&r, yaml, "{}", NULL, 0);
	assert_string_equal(only(&r)->title, "t");
	assert_null(only(&r)->host);
	reader_fini(&r);
}

static void wrap__by_a_header__makes_the_body_a_member(void **state)
{
	static const char yaml[] = "wrap: {when: \"@/ce-id\", as: data, headers: ce-}\nfields: "
				   "{title: [/data/t, /data, /t], rule: /id}\n";
	static const struct format_header headers[] = {{"CE-Id", "a%20b%"}, {"ce-", "x"}};
	static const struct {
		const char *body, *title;
	} cases[] = {
	    {"{\"t\":\"x\"}", "x"}, {"plain", "plain"}, {"\"text\"", "text"}, {"17", "17"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reader r;

		read_request(&r, yaml, cases[i].body, headers, 2);
		assert_string_equal(only(&r)->title, cases[i].title);
		assert_string_equal(only(&r)->rule, "a b%");
		assert_string_equal(only(&r)->body, cases[i].body);
		reader_fini(&r);
	}
}

static void secrets__wherever_they_stand__are_neither_kept_nor_shown(void **state)
{
	static const char yaml[] = "secrets: [/key, /list/*/key, \"/kv/[k=pw]/v\", /gone]\n"
				   "fields: {title: {text: t}}\nlabels: [{rest: true}]\n";
	static const struct {
		const char *body, *kept;
	} cases[] = {
	    {"{ \"a\": 1 }", "{ \"a\": 1 }"},
	    {"{\"key\":\"s\",\"a\":1,\"key\":\"s2\"}", "{\"a\":1}"},
	    {"{\"list\":[{\"key\":\"s\",\"b\":1},{\"key\":{\"c\":2}}]}",
		"{\"list\":[{\"b\":1},{}]}"},
	    {"{\"kv\":[{\"k\":\"a\",\"v\":1},{\"k\":\"pw\",\"v\":\"s\"}]}",
		"{\"kv\":[{\"k\":\"a\",\"v\":1},{\"k\":\"pw\"}]}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reader r;

		read_by(&r, yaml, cases[i].body);
		assert_string_equal(only(&r)->body, cases[i].kept);
		assert_null(alert_label(only(&r), "key"));
		reader_fini(&r);
	}
}

static void list__inside_a_layer__is_read_by_a_format_for_each_item(void **state)
{
	struct reader r;

	(void)state;
	read_with(&r, "sns",
	    "{\"Type\":\"Notification\",\"Message\":\"[{\\\"rule\\\":\\\"a\\\",\\\"output\\\":"
	    "\\\"o\\\"},5,{\\\"eventName\\\":\\\"e\\\","
	    "\\\"userIdentity\\\":{}}]\"}");
	assert_true(r.ok);
	assert_true(r.result.is_many);
	assert_int_equal(r.result.count, 3);
	assert_string_equal(r.result.items[0].alert->rule, "a");
	assert_null(r.result.items[1].alert);
	assert_string_equal(r.result.items[2].alert->rule, "e");
	reader_fini(&r);
}

/* ---- mistakes in formats -------------------------------------------------------------------------------- */

static void format__with_a_mistake__says_where(void **state)
{
	static const struct {
		const char *yaml, *where;
	} cases[] = {
	    {"about: x\n", ":1:1: a format lacks fields"},
	    {"fields: {titel: /t}\n",
		":1:10: an alert has no field \"titel\" that a format sets; did you mean title?"},
	    {"fields: {count: /t}\n", ":1:10: an alert has no field \"count\""},
	    {"fields: {title: t}\n", ":1:17: this is a JSON Pointer"},
	    {"fields: {title: {at: /t, strp: x}}\n",
		":1:26: a value has no \"strp\"; did you mean strip?"},
	    {"fields: {title: {strip: x}}\n", ":1:17: a value says where it comes from"},
	    {"fields: {title: {at: /t, match: \"(\"}}\n",
		":1:33: no regular expression: missing closing parenthesis"},
	    {"fields: {title: {text: \"{/a\"}}\n", ":1:24: a text is like"},
	    {"fields: {title: /t, severity: {at: /s, map: {a: bad}}}\n",
		":1:49: \"bad\" is none of info low medium high critical"},
	    {"fields: {title: /t, status: {at: /s, map: {a: open}}}\n",
		":1:47: \"open\" is none of firing resolved"},
	    {"fields: {title: /t, severity: {at: /s, at_least: {x: high}}}\n",
		":1:51: this is a number"},
	    {"fields: {title: /t, severity: {at: /s, at_least: {1: high}, at_most: {1: low}}}\n",
		": one of at_least and at_most"},
	    {"unwrap: [{inot: /a}]\nfields: {title: /t}\n",
		":1:11: a layer has no \"inot\"; did you mean into?"},
	    {"unwrap: [{into: /a, json: /b}]\nfields: {title: /t}\n",
		":1:10: a layer is {into: POINTER}, {each: POINTERS} or {json: POINTER}"},
	    {"unwrap: [{into: /a, as: b}]\nfields: {title: /t}\n",
		":1:10: as and base64 belong to {json: POINTER}"},
	    {"wrap: {as: x}\nfields: {title: /t}\n", ":1:7: wrap lacks when"},
	    {"read_as: [{format: falko, when: /a}]\nfields: {title: /t}\n",
		":1:20: no format falko is built in"},
	    {"absent_matches: \"(\"\nfields: {title: /t}\n", ":1:17: no regular expression"},
	    {"secrets: [token]\nfields: {title: /t}\n", ":1:11: this is a JSON Pointer"},
	    {"fields: {title: {at: /t, map: usual}}\n", ":1:31: map is a map"},
	    {"fields: {title: /t, severity: {at: /s, map: usuel}}\n",
		":1:45: map is a map: {Emergency: critical, …}; \"*\" is everything else; or "
		"usual"},
	    {"fields: {title: {at: /t, decode: rot13}}\n", ":1:34: "},
	    {"ignore: [{is: x}]\nfields: {title: /t}\n", ":1:10: a condition lacks at"},
	    {"labels: [{name: x}]\nfields: {title: /t}\n",
		":1:10: a label with a name lacks its value"},
	    {"labels: [{name: x, value: /a, rest: true}]\nfields: {title: /t}\n",
		":1:10: labels are {name:, value:}"},
	    {"fields: [title]\n", ":1:9: fields is a map"},
	    {"field: {title: /t}\nfields: {title: /t}\n",
		":1:1: a format has no \"field\"; did you mean fields?"},
	};
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[] = "/tmp/headsup-format-XXXXXX.yaml", said[8192];
		int fd = mkstemps(path, 5), kept = dup(STDERR_FILENO);
		FILE *file = tmpfile();
		struct format *format;
		size_t n;

		assert_true(fd >= 0 && file != NULL);
		assert_int_equal(
		    write(fd, cases[i].yaml, strlen(cases[i].yaml)), strlen(cases[i].yaml));
		close(fd);
		fflush(stderr);
		dup2(fileno(file), STDERR_FILENO);
		format = format_open(path, "", NULL);
		fflush(stderr);
		dup2(kept, STDERR_FILENO);
		close(kept);
		unlink(path);
		rewind(file);
		n = fread(said, 1, sizeof(said) - 1, file);
		said[n] = '\0';
		fclose(file);
		if (format != NULL || strstr(said, cases[i].where) == NULL)
			failed++, print_error(
				      "%swants %s\nsays %s\n", cases[i].yaml, cases[i].where, said);
		format_free(format);
	}
	assert_int_equal(failed, 0);
}

static void format__that_is_not_there__names_the_nearest(void **state)
{
	struct error err = {0};

	(void)state;
	assert_null(format_open("falko", "", &err));
	assert_non_null(strstr(err.text, "did you mean falco?"));
	assert_null(format_open("./none.yaml", "/nonexistent", &err));
	assert_int_equal(err.kind, ERROR_IO);
}

static void formats__that_come_with_headsup__all_compile(void **state)
{
	size_t count = 0;

	(void)state;
	for (const char *const *name = format_names(); *name != NULL; name++, count++) {
		struct format *format = format_open(*name, "", NULL);

		if (format == NULL)
			fail_msg("%s", *name);
		assert_string_equal(format_name(format), *name);
		format_free(format);
	}
	assert_true(count >= 28);
}

/* ---- hostile bodies ------------------------------------------------------------------------------------- */

static void body__of_hostile_shape__neither_crashes_nor_grows(void **state)
{
	static const char *const bodies[] = {"{\"rule\":\"a\\u0000b\",\"output\":\"\\ud800\"}",
	    "{\"rule\":\"\xff\xfe\"}", "{\"rule\":{\"rule\":{}}}", "{\"rule\":[[[[]]]]}",
	    "{\"Message\":\"{\\\"alerts\\\":[[],[],{}]}\",\"rule\":\"r\"}",
	    "{\"rule\":\"r\",\"tags\":{\"a\":1},\"output_fields\":{\"\":\"x\",\"user.name\":[]}}",
	    "{\"alerts\":{\"alerts\":[]},\"title\":1e999}", "[[[[[]]]]]",
	    "{\"detail\":[],\"title\":\"x\"}", "{\"Message\":\"[\",\"title\":\"x\"}"};
	const char *const *names = format_names();

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		for (size_t k = 0; names[k] != NULL; k++) {
			struct reader r;

			read_with(&r, names[k], bodies[i]);
			for (size_t n = 0; r.ok && n < r.result.count; n++)
				if (r.result.items[n].alert != NULL)
					assert_non_null(r.result.items[n].alert->title);
			reader_fini(&r);
		}
	}
}

/* Each of a thousand alerts looks for what stands behind a hundred thousand other members, around it. */
static void body__of_many_members_and_alerts__takes_no_long_time(void **state)
{
	struct timespec from, to;
	struct reader r;
	struct buf body;
	double ms;

	(void)state;
	buf_init(&body, 8 << 20);
	buf_puts(&body, "{\"hosts\":[{\"hostname\":\"h\"}");
	for (int i = 1; i < FORMAT_ALERTS_MAX; i++)
		buf_puts(&body, ",{\"hostname\":\"h\"}");
	buf_puts(&body, "]");
	for (int i = 0; i < 100000; i++)
		buf_printf(&body, ",\"p%d\":1", i);
	buf_puts(&body, ",\"policy\":{\"id\":1,\"name\":\"p\"}}");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	read_with(&r, "fleet", buf_text(&body));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ms = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 1e6;
	print_message("%.0f ms\n", ms);
	assert_true(ms < 5000); /* unbounded, it takes minutes */
	assert_true(r.ok);
	assert_int_equal(r.result.count, FORMAT_ALERTS_MAX);
	reader_fini(&r);
	buf_fini(&body);
}

static void body__that_is_large__says_when_not_all_was_looked_at(void **state)
{
	struct reader r;
	struct buf body;

	(void)state;
	buf_init(&body, 8 << 20);
	buf_puts(&body, "{\"rule\":\"r\"");
	for (int i = 0; i < 150000; i++)
		buf_printf(&body, ",\"k%d\":1", i);
	buf_puts(&body, "}");
	read_with(&r, "falco", buf_text(&body));
	assert_string_equal(only(&r)->title, "r");
	assert_non_null(
	    strstr(only(&r)->notes, "the body is too large: not all of it was looked at"));
	reader_fini(&r);
	buf_fini(&body);
}

static void falco__a_thousand_times__takes_microseconds_each(void **state)
{
	struct format *format = format_open("falco", "", NULL);
	struct timespec from, to;
	struct format_result result;
	size_t len;
	char *text = load("falco/terminal-shell-in-container.json", &len);
	double us;

	(void)state;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (int i = 0; i < 1000; i++) {
		assert_true(format_read(format, text, len, "falco", false, NOW, &result, NULL));
		format_result_fini(&result);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	us = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 1e6;
	print_message("%.1f us each\n", us);
	/* Some ten times what it takes unsanitised: only what compiles patterns or reads YAML anew is slower. */
	assert_true(us < 1000);
	free(text);
	format_free(format);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sample__of_each_source__becomes_the_alert_of_the_table),
	    cmocka_unit_test(sample__that_is_no_alert__is_ignored_without_a_mistake),
	    cmocka_unit_test(normalised__with_all_members__is_read),
	    cmocka_unit_test(normalised__with_members_that_cannot_be_read__fires_and_says_so),
	    cmocka_unit_test(normalised__without_a_good_title__is_a_mistake),
	    cmocka_unit_test(normalised__in_a_list__spoils_no_other),
	    cmocka_unit_test(normalised__from_a_sender_that_names_no_source__keeps_its_own),
	    cmocka_unit_test(body__of_lines__is_one_alert_each),
	    cmocka_unit_test(body__of_too_many_alerts__is_refused),
	    cmocka_unit_test(falco__that_says_little_or_nonsense__still_fires),
	    cmocka_unit_test(falco__repeats_and_look_alikes__have_the_right_keys),
	    cmocka_unit_test(threatstack__by_source_and_severity__is_told_apart),
	    cmocka_unit_test(guardduty__severity__follows_the_scale),
	    cmocka_unit_test(guardduty__from_the_api__is_read_in_capitals),
	    cmocka_unit_test(language__in_each_of_its_words__does_what_it_says),
	    cmocka_unit_test(conditions__of_each_kind__hold_when_they_should),
	    cmocka_unit_test(status__by_map_or_date__resolves),
	    cmocka_unit_test(dedup__by_a_set_of_labels__does_not_depend_on_their_order),
	    cmocka_unit_test(rest__of_members__becomes_labels),
	    cmocka_unit_test(headers__that_say_what_is_sent__are_read_and_credentials_are_not),
	    cmocka_unit_test(wrap__by_a_header__makes_the_body_a_member),
	    cmocka_unit_test(secrets__wherever_they_stand__are_neither_kept_nor_shown),
	    cmocka_unit_test(list__inside_a_layer__is_read_by_a_format_for_each_item),
	    cmocka_unit_test(format__with_a_mistake__says_where),
	    cmocka_unit_test(format__that_is_not_there__names_the_nearest),
	    cmocka_unit_test(formats__that_come_with_headsup__all_compile),
	    cmocka_unit_test(body__of_hostile_shape__neither_crashes_nor_grows),
	    cmocka_unit_test(body__of_many_members_and_alerts__takes_no_long_time),
	    cmocka_unit_test(body__that_is_large__says_when_not_all_was_looked_at),
	    cmocka_unit_test(falco__a_thousand_times__takes_microseconds_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
