// The table of zones and pools (`region/records/area.ts`).
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
`;
