-- Announcements as contracts: approvals that hold for what was approved, reminders, what is told anew, who is in a user group.

ALTER TABLE announcements ADD COLUMN approved_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE announcements ADD COLUMN approval_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE announcements ADD COLUMN asked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE announcements ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;
ALTER TABLE announcements ADD COLUMN denied_by TEXT;
ALTER TABLE announcements ADD COLUMN reminded_for INTEGER NOT NULL DEFAULT 0;
ALTER TABLE announcements ADD COLUMN retell INTEGER NOT NULL DEFAULT 0 CHECK (retell BETWEEN 0 AND 2);
ALTER TABLE announcements ADD COLUMN retell_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE announcements ADD COLUMN retold INTEGER NOT NULL DEFAULT 0;
CREATE INDEX announcements_retelling ON announcements (id) WHERE retell <> 0;

-- "This one is real": what this announcement does not cover any more, whatever it says.
CREATE TABLE reals (
	dedup_key TEXT NOT NULL,
	announcement INTEGER NOT NULL,
	PRIMARY KEY (dedup_key, announcement)
) STRICT, WITHOUT ROWID;
CREATE INDEX reals_announcement ON reals (announcement);

-- Sources that have reported an alert of theirs resolved: one that they did not report so still fires.
CREATE TABLE resolving_sources (
	source TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE user_groups (
	id TEXT PRIMARY KEY,
	fetched_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE user_group_members (
	id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
	user TEXT NOT NULL,
	PRIMARY KEY (id, user)
) STRICT, WITHOUT ROWID;
