-- Alerts whose card is still to be posted in a channel, by what storms are made of; and those that one card tells of together.
CREATE TABLE storms (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	channel TEXT NOT NULL,
	rule TEXT NOT NULL,
	began_at INTEGER NOT NULL,
	last_at INTEGER NOT NULL,
	version INTEGER NOT NULL,
	doing TEXT,           -- what is being done with all of them: ack, resolve; NULL: nothing
	doing_by TEXT,
	doing_via TEXT,
	done_to INTEGER NOT NULL -- ids up to here
) STRICT;
CREATE INDEX storms_running ON storms (channel, rule, last_at);
CREATE INDEX storms_doing ON storms (id) WHERE doing IS NOT NULL;

CREATE TABLE unposted (
	alert INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
	channel TEXT NOT NULL,
	rule TEXT NOT NULL,
	storm INTEGER NOT NULL, -- 0: none yet
	PRIMARY KEY (alert, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX unposted_rule ON unposted (channel, rule, storm) WHERE storm = 0; -- storm: nothing is looked up in the table
CREATE INDEX unposted_storm ON unposted (storm, alert) WHERE storm <> 0;
