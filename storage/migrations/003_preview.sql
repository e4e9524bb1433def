-- What an announcement would have met over the last days: counted when it is made; NULL while nobody knows.
ALTER TABLE announcements ADD COLUMN preview_alerts INTEGER;
ALTER TABLE announcements ADD COLUMN preview_escalated INTEGER;
ALTER TABLE announcements ADD COLUMN preview_rules INTEGER;
ALTER TABLE announcements ADD COLUMN preview_hosts INTEGER;

-- What announcements name most, in the order in which alerts come (id: within one second too): added to at its end alone, and read in
-- a tenth of the time that the alerts themselves would take. storage/past.c knows which columns these are.
CREATE INDEX alerts_past ON alerts (received_at, id, severity, source, rule, actor, host, ip, process, service, env, account, region);
CREATE INDEX alerts_paged ON alerts (received_at) WHERE page_status IS NOT NULL;
