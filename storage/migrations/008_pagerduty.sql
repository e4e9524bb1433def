-- PagerDuty, both ways: which incident an alert's page became, who people are there, what we did there ourselves, who is on call.

-- The newest row of an alert (highest SEQ) is its incident; older ones were resolved, or merged away.
CREATE TABLE incidents (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	alert INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
	id TEXT NOT NULL,      -- PagerDuty's
	number INTEGER NOT NULL, -- as people there see it; 0: not told
	url TEXT, service TEXT, policy TEXT,
	status TEXT NOT NULL CHECK (status IN ('triggered', 'acknowledged', 'resolved')), -- as PagerDuty last told
	status_at INTEGER,     -- by its clock
	level INTEGER NOT NULL, -- of its escalation policy, as last heard; 0: not known
	merged_into TEXT,
	linked_at INTEGER NOT NULL,
	UNIQUE (alert, id)
) STRICT;
CREATE INDEX incidents_id ON incidents (id, alert);
CREATE INDEX incidents_alert ON incidents (alert); -- and then by seq: the newest is its last
CREATE INDEX incidents_open ON incidents (alert) WHERE status <> 'resolved';
-- Of these PagerDuty knows, or is to: few among a million.
CREATE INDEX alerts_paged_live ON alerts (id) WHERE page_status IS NOT NULL AND status IN (0, 1);

-- A row without id: an e-mail that nobody has there.
CREATE TABLE pagerduty_users (
	key TEXT PRIMARY KEY, -- "id:PXPGF42" or "email:alice@example.com", addresses in lower case
	id TEXT, email TEXT, name TEXT,
	fetched_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pagerduty_users_id ON pagerduty_users (id) WHERE id IS NOT NULL;
CREATE INDEX pagerduty_users_at ON pagerduty_users (fetched_at);
CREATE INDEX profiles_email ON profiles (lower(email)) WHERE email IS NOT NULL;

-- What we are about to do there: it comes back as news, and is none.
CREATE TABLE intents (
	n INTEGER PRIMARY KEY AUTOINCREMENT,
	incident TEXT NOT NULL,
	what TEXT NOT NULL,
	by TEXT, -- PagerDuty's id of who will be named; NULL: not known
	at INTEGER NOT NULL
) STRICT;
CREATE INDEX intents_of ON intents (incident, what);
CREATE INDEX intents_at ON intents (at);

CREATE TABLE oncalls (
	policy TEXT NOT NULL, policy_name TEXT,
	level INTEGER NOT NULL,
	user TEXT NOT NULL, user_name TEXT,
	ends_at INTEGER
) STRICT;
CREATE INDEX oncalls_user ON oncalls (user);

-- Small facts with a name: how far the log of PagerDuty was read, when it was last asked who is on call.
CREATE TABLE marks (
	name TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
