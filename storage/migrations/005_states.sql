-- What a source keeps reporting is over when it stops; what comes and goes is one alert.
ALTER TABLE alerts ADD COLUMN ends_at INTEGER; -- NULL: it is not over by itself
ALTER TABLE alerts ADD COLUMN flaps INTEGER NOT NULL DEFAULT 0;
CREATE INDEX alerts_lapsing ON alerts (ends_at) WHERE ends_at IS NOT NULL AND status IN (0, 1, 3);
