// The commands by which docs/upgrade.md goes back do so: word for word, with a directory of the test in place of the state directory.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openDatabaseFile } from '../../src/store/database-file.ts';
import { commandsOf, partsOf, readDocument } from './markdown.ts';

const BEFORE = {
  title: 'region store',
  applicationId: 7,
  migrations: ['CREATE TABLE note (text TEXT)'],
} as const;
const AFTER = { ...BEFORE, migrations: [...BEFORE.migrations, 'ALTER TABLE note ADD COLUMN author TEXT'] } as const;

let state = '';
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'rackboot-going-back-'));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

/** The one command of the page with this text. */
function runShown(text: string): void {
  const [command = '', ...others] = partsOf(readDocument('docs/upgrade.md'))
    .flatMap((part) => (part.kind === 'block' && part.language === 'sh' ? commandsOf(part) : []))
    .map((shown) => shown.command)
    .filter((one) => one.includes(text));
  assert.deepEqual(others, []);
  assert.match(command, /^sudo -u rackboot sh -c /);
  const here = command.replace('sudo -u rackboot ', '').replaceAll('/var/lib/rackboot', state);
  execFileSync('sh', ['-c', here]);
}

test('restoring the copy of an update drops everything that the update wrote since', () => {
  const path = join(state, 'region.db');
  const first = openDatabaseFile(path, BEFORE);
  first.exec("INSERT INTO note VALUES ('kept')");
  first.close();
  const second = openDatabaseFile(path, AFTER);
  second.exec("INSERT INTO note VALUES ('lost', 'nobody')");
  second.close();
  // As a process that was killed leaves them.
  for (const end of ['wal', 'shm']) writeFileSync(`${path}-${end}`, 'of the newer file');
  assert.throws(() => openDatabaseFile(path, BEFORE), { code: 'store-newer' });
  runShown('region.db.version-1');
  const back = openDatabaseFile(path, BEFORE);
  assert.deepEqual(
    back
      .prepare('SELECT * FROM note')
      .all()
      .map((row) => ({ ...row })),
    [{ text: 'kept' }],
  );
  back.close();
});
