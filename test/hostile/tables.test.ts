// Every table of the databases says what bounds its rows, so that no outside client fills the disk.
// @host waits

import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { placeOf, readSource } from './bound-scan.ts';
import { HELD, isPlainByRule, listedPlain } from './bounds.ts';
import { ROW_REASONS, TABLES } from './tables.ts';

const SRC = join(import.meta.dirname, '..', '..', 'src');
const KNOWN = new Set([...Object.values(HELD).flatMap((rows) => rows.map(({ at }) => at)), ...listedPlain()]);
const tablesIn = (source: string): readonly string[] =>
  [...source.matchAll(/CREATE (?:TEMP(?:ORARY)? )?TABLE (?:IF NOT EXISTS )?(\w+)/g)].map(([, table = '']) => table);

/** The fault of one statement about a table; undefined: none. */
function problemOf(keep: string, others: readonly string[]): string | undefined {
  if (Object.hasOwn(ROW_REASONS, keep) || others.includes(keep)) return undefined;
  const [file = '', name] = keep.split(' ');
  if (name === undefined) return `${keep} is neither a table of this file nor a reason`;
  const declared = placeOf(name, file);
  if (declared === undefined) return `no constant ${keep}`;
  return KNOWN.has(declared) || isPlainByRule(declared) ? undefined : `${declared} is not in the table of bounds`;
}

describe('the tables of the databases', () => {
  const found = globSync('**/*.ts', { cwd: SRC }).flatMap((file) =>
    tablesIn(readSource(file)).map((table) => `${file} ${table}`),
  );
  const entries = Object.entries(TABLES).flatMap(([file, tables]) =>
    Object.entries(tables).map(([table, keep]) => ({ at: `${file} ${table}`, file, table, keep })),
  );

  it('each has an entry, and each entry a table', () => {
    assert.ok(found.length > 30, 'the tables are found');
    assert.deepEqual(
      found.toSorted(),
      entries.map(({ at }) => at).toSorted(),
      'new tables: read who can add rows on every path, and say in test/hostile/tables.ts what keeps them few',
    );
  });

  it('every entry names a bound of the table of bounds, another table of its file, or a reason', () => {
    const problems = entries.flatMap(({ at, file, table, keep }) =>
      keep.split(/, each | and /).flatMap((one) => {
        const others = Object.keys(TABLES[file] ?? {}).filter((other) => other !== table);
        const problem = problemOf(one, others);
        return problem === undefined ? [] : [`${at}: ${problem}`];
      }),
    );
    assert.deepEqual(problems, []);
  });

  it('a table without an entry is found, and a wrong entry is refused', () => {
    assert.deepEqual(tablesIn('`CREATE TABLE a (x) STRICT; CREATE TABLE IF NOT EXISTS b (y)`'), ['a', 'b']);
    assert.equal(problemOf('small', ['machine']), 'small is neither a table of this file nor a reason');
    assert.equal(problemOf('region/settings.ts NO_MAX', []), 'no constant region/settings.ts NO_MAX');
  });
});
