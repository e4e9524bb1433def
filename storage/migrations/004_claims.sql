-- "That was me", said of an alert that is live: closed by it once somebody else has approved the announcement.
CREATE TABLE claims (
	alert INTEGER PRIMARY KEY REFERENCES alerts (id) ON DELETE CASCADE,
	announcement INTEGER NOT NULL,
	who TEXT NOT NULL,
	at INTEGER NOT NULL
) STRICT;
CREATE INDEX claims_announcement ON claims (announcement);
