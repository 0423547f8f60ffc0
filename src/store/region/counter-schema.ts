// The table of `region.db` for counters that give each number once (`region-counters.ts`).

/** The last table: a copy of it is written afresh when an interrupted copy continues (`copy-sqlite.ts`). */
export const COUNTERS = `
CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;
