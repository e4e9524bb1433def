-- What is critical or high and nobody has: it is told again once. What was there before is told no more.
ALTER TABLE alerts ADD COLUMN reminded INTEGER NOT NULL DEFAULT 1;
CREATE INDEX alerts_unreminded ON alerts (coalesce(changed_at, received_at)) WHERE status = 0 AND severity >= 3 AND reminded = 0;
-- Of these, while Slack is out of reach, what stands nowhere in Slack is paged.
CREATE INDEX alerts_urgent ON alerts (id) WHERE status = 0 AND severity >= 3;
