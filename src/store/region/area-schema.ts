// The table of zones and pools (`region/records/area.ts`), and the columns of what is in one.
//
// 1. The default zone and the default pool have no row: NULL stands for them. So a new database is empty, and a copy can begin with it.

export const AREAS = `
CREATE TABLE area (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  UNIQUE (kind, name)
) STRICT;
ALTER TABLE machine ADD COLUMN zone_id INTEGER;
ALTER TABLE machine ADD COLUMN pool_id INTEGER;
ALTER TABLE rack ADD COLUMN zone_id INTEGER;
CREATE INDEX machine_zone ON machine (zone_id) WHERE zone_id IS NOT NULL;
CREATE INDEX machine_pool ON machine (pool_id) WHERE pool_id IS NOT NULL;
`;

/** The expression by which the region finds the machines of a tag (`region/records/xpath.ts`); empty: people assign it. */
export const TAG_DEFINITIONS = `
ALTER TABLE tag ADD COLUMN definition TEXT NOT NULL DEFAULT '';
`;
