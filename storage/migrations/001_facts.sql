-- All that headsup must not forget: alerts, announcements, what stands in Slack, what is still to be said, people, the audit log.
-- Times are seconds since 1970, UTC; NULL is never. Enumerations are the numbers of storage.h and alert.h.

PRAGMA application_id = 0x48445355; -- "HDSU"

CREATE TABLE alerts (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	source TEXT, rule TEXT, title TEXT, description TEXT, actor TEXT, host TEXT, ip TEXT, process TEXT,
	service TEXT, env TEXT, account TEXT, region TEXT, url TEXT, dedup_key TEXT,
	occurred_at INTEGER,
	received_at INTEGER,
	labels TEXT, -- a JSON object; NULL for none
	notes TEXT,
	severity INTEGER NOT NULL CHECK (severity BETWEEN 0 AND 4),
	status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 4),
	last_seen INTEGER,
	count INTEGER NOT NULL,
	announcement INTEGER NOT NULL,
	previous INTEGER NOT NULL,
	mark TEXT,
	nearest INTEGER NOT NULL,
	nearest_why TEXT,
	route INTEGER NOT NULL,
	channel TEXT,
	page_key TEXT,
	page_status TEXT,
	paged_at INTEGER,
	assignee TEXT,
	changed_by TEXT,
	changed_via TEXT,
	changed_at INTEGER,
	version INTEGER NOT NULL,
	key_hash INTEGER -- of dedup_key: the first 48 bits of its SHA-256
) STRICT;
-- Keys come at random, each to another page of their index: as hashes they take a sixth of the room, so that these pages are few and stay
-- in memory. Status is in it so that the newest unresolved alert of a key is found past any number of resolved ones.
CREATE INDEX alerts_key ON alerts (key_hash, status) WHERE key_hash IS NOT NULL;
CREATE INDEX alerts_status ON alerts (status);
CREATE INDEX alerts_announcement ON alerts (announcement) WHERE announcement <> 0;
CREATE INDEX alerts_assignee ON alerts (assignee) WHERE assignee IS NOT NULL;

-- The original, apart: an alert's row is written again with every repeat, this never.
CREATE TABLE bodies (
	alert INTEGER PRIMARY KEY REFERENCES alerts (id) ON DELETE CASCADE,
	body TEXT NOT NULL
) STRICT;

-- Ids from FIRST to the next row's were all received in HOUR (received_at / 3600). It turns a span of time into a span
-- of ids, even when the clock was set back, for a row an hour where an index would take one an alert.
CREATE TABLE alert_runs (
	first INTEGER PRIMARY KEY,
	hour INTEGER NOT NULL
) STRICT;

-- How many alerts there are of each status: counting a million for every scrape would hold the loop.
CREATE TABLE alert_counts (
	status INTEGER PRIMARY KEY,
	n INTEGER NOT NULL
) STRICT;
INSERT INTO alert_counts (status, n) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0);
CREATE TRIGGER alerts_added AFTER INSERT ON alerts BEGIN
	UPDATE alert_counts SET n = n + 1 WHERE status = new.status;
END;
CREATE TRIGGER alerts_changed AFTER UPDATE OF status ON alerts WHEN old.status <> new.status BEGIN
	UPDATE alert_counts SET n = n - 1 WHERE status = old.status;
	UPDATE alert_counts SET n = n + 1 WHERE status = new.status;
END;
CREATE TRIGGER alerts_removed AFTER DELETE ON alerts BEGIN
	UPDATE alert_counts SET n = n - 1 WHERE status = old.status;
END;

CREATE TABLE timeline (
	alert INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
	n INTEGER NOT NULL,
	at INTEGER,
	who TEXT NOT NULL,
	via TEXT NOT NULL,
	what TEXT NOT NULL,
	note TEXT,
	PRIMARY KEY (alert, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE announcements (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	author TEXT,
	via TEXT,
	match TEXT NOT NULL, -- a JSON array of texts
	created_at INTEGER,
	idempotency_key TEXT,
	starts_at INTEGER,
	ends_at INTEGER,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
	over_at INTEGER,
	over_why TEXT,
	over_by TEXT,
	needs_approval INTEGER NOT NULL CHECK (needs_approval IN (0, 1)),
	approved_by TEXT,
	approved_at INTEGER,
	because TEXT,
	max INTEGER NOT NULL,
	matched INTEGER NOT NULL,
	near_misses INTEGER NOT NULL,
	channel TEXT,
	lease_until INTEGER,
	version INTEGER NOT NULL
) STRICT;
CREATE INDEX announcements_standing ON announcements (state) WHERE state = 0;
CREATE INDEX announcements_author ON announcements (author);
CREATE UNIQUE INDEX announcements_key ON announcements (author, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE posts (
	subject TEXT NOT NULL,
	channel TEXT NOT NULL,
	channel_id TEXT,
	ts TEXT,
	copy INTEGER NOT NULL,
	PRIMARY KEY (subject, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX posts_ts ON posts (ts, channel_id);

CREATE TABLE channels (
	channel TEXT PRIMARY KEY, -- as configured
	channel_id TEXT NOT NULL  -- as Slack answered
) STRICT, WITHOUT ROWID;

-- is_next: no older word of the same lane and subject is unfinished, so that its turn is known without looking at a backlog.
CREATE TABLE outbox (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	lane TEXT NOT NULL,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	coalesce TEXT,
	body TEXT,
	priority INTEGER NOT NULL,
	deadline INTEGER,
	created_at INTEGER,
	not_before INTEGER,
	attempts INTEGER NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
	is_unsure INTEGER NOT NULL CHECK (is_unsure IN (0, 1)),
	is_plain INTEGER NOT NULL CHECK (is_plain IN (0, 1)),
	is_next INTEGER NOT NULL CHECK (is_next IN (0, 1)),
	problem TEXT
) STRICT;
CREATE INDEX outbox_turn ON outbox (lane, not_before, priority, id) WHERE state = 0 AND is_next = 1;
CREATE INDEX outbox_order ON outbox (lane, subject, id) WHERE state <> 3 AND subject <> '';
CREATE INDEX outbox_coalesce ON outbox (coalesce) WHERE state = 0 AND coalesce IS NOT NULL;
CREATE INDEX outbox_state ON outbox (state, id) WHERE state <> 0;
CREATE TRIGGER outbox_removed AFTER DELETE ON outbox WHEN old.is_next = 1 AND old.state <> 3 AND old.subject <> '' BEGIN
	UPDATE outbox SET is_next = 1 WHERE id = (SELECT id FROM outbox WHERE lane = old.lane AND subject = old.subject
	    AND subject <> '' AND state <> 3 ORDER BY id LIMIT 1);
END;
CREATE TRIGGER outbox_died AFTER UPDATE OF state ON outbox
    WHEN new.state = 3 AND old.state <> 3 AND new.is_next = 1 AND new.subject <> '' BEGIN
	UPDATE outbox SET is_next = 1 WHERE id = (SELECT id FROM outbox WHERE lane = new.lane AND subject = new.subject
	    AND subject <> '' AND state <> 3 ORDER BY id LIMIT 1);
END;
-- A person tries a dead word again: it stands in front of the younger ones once more.
CREATE TRIGGER outbox_revived AFTER UPDATE OF state ON outbox
    WHEN new.state <> 3 AND old.state = 3 AND new.subject <> '' BEGIN
	UPDATE outbox SET is_next = (id = (SELECT min(id) FROM outbox WHERE lane = new.lane AND subject = new.subject
	    AND subject <> '' AND state <> 3))
	    WHERE lane = new.lane AND subject = new.subject AND subject <> '' AND state <> 3;
END;

CREATE TABLE seen (
	key TEXT PRIMARY KEY,
	until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_until ON seen (until);

CREATE TABLE profiles (
	slack TEXT PRIMARY KEY,
	name TEXT,
	email TEXT,
	timezone TEXT,
	is_guest INTEGER NOT NULL CHECK (is_guest IN (0, 1)),
	is_bot INTEGER NOT NULL CHECK (is_bot IN (0, 1)),
	is_deleted INTEGER NOT NULL CHECK (is_deleted IN (0, 1)),
	fetched_at INTEGER
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: its counter in sqlite_sequence tells when the last rows were cut off.
CREATE TABLE audit (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	at INTEGER NOT NULL,
	who TEXT NOT NULL,
	via TEXT NOT NULL,
	origin TEXT,
	what TEXT NOT NULL,
	subject TEXT NOT NULL,
	detail TEXT,
	hash TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;
CREATE INDEX audit_at ON audit (at);
CREATE TRIGGER audit_no_change BEFORE UPDATE ON audit BEGIN
	SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;
CREATE TRIGGER audit_no_removal BEFORE DELETE ON audit BEGIN
	SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;
CREATE TRIGGER audit_no_gap BEFORE INSERT ON audit WHEN new.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit) BEGIN
	SELECT RAISE(ABORT, 'the audit log has no gaps');
END;

-- Written by /readyz to see whether the disk takes it.
CREATE TABLE probe (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	n INTEGER NOT NULL
) STRICT;
INSERT INTO probe (id, n) VALUES (1, 0);
