// Refusals of `region copy`, `backup` and `restore` name what the user gave: the option with its directory, the file, or the configuration file.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { lockState } from '../../../src/store/state-lock.ts';
import { configOf } from '../../support/copied-region.ts';
import { missing } from '../../support/needs.ts';
import { runRackboot } from '../../support/running-rack.ts';

test('a copy names only tables with rows unless it is verbose, and at the end the next step', {
  skip: missing('linux'),
}, async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-told-copy-'));
  try {
    const [from, file] = [join(place, 'from'), join(place, 'a.backup')];
    const store = openRegionStore({ stateDir: from });
    await store.accounts.addUser({ username: 'zed', email: '', passwordHash: 'x', isAdmin: true, createdMs: 1 });
    await store.close();
    const complaintsOf = async (...args: string[]): Promise<readonly string[]> => {
      const { code, output, complaints } = await runRackboot(['region', ...args]);
      assert.equal(code, 0, complaints.join('\n'));
      if (args[0] !== 'backup') assert.match(output.join('\n'), /^\d+ rows? in \d+ tables copied\.$/);
      return complaints;
    };
    const next = (path: string) =>
      `Next: set state_dir to ${path} in the region's file (/etc/rackboot/region.yaml), and start its service.`;
    const [few, all] = [join(place, 'few'), join(place, 'all')];
    const short = await complaintsOf('copy', '--from', `sqlite:${from}`, '--to', `sqlite:${few}`);
    assert.ok(short.includes('account          1 row'), short.join('\n'));
    assert.ok(!short.some((line) => / 0 rows$/.test(line)), short.join('\n'));
    assert.equal(short.at(-1), next(few));
    const long = await complaintsOf('copy', '--from', `sqlite:${from}`, '--to', `sqlite:${all}`, '--verbose');
    assert.ok(long.includes('machine          0 rows'), long.join('\n'));
    assert.equal(long.at(-1), next(all));
    await complaintsOf('backup', file, '--config', configOf(place, 'from', '{ kind: sqlite }'));
    const config = configOf(place, 'new', '{ kind: sqlite }');
    const restored = await complaintsOf('restore', file, '--config', config);
    assert.ok(!restored.some((line) => / 0 rows$/.test(line)), restored.join('\n'));
    assert.match(restored.at(-1) ?? '', new RegExp(`^Next: start the region: \`.*region run --config ${config}\`\\.$`));
  } finally {
    rmSync(place, { recursive: true });
  }
});

describe('a copy that is refused', { skip: missing('linux') }, () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-refused-copy-'));
  const full = join(place, 'full');
  const config = configOf(place, 'full', '{ kind: sqlite }');
  const backup = join(place, 'taken.backup');

  const refused = async (wanted: string, ...args: string[]): Promise<void> => {
    const { code, complaints } = await runRackboot(['region', ...args]);
    assert.notEqual(code, 0);
    const text = complaints.join('\n');
    assert.ok(text.startsWith(`rackboot: ${wanted}`), text);
    assert.doesNotMatch(text, /state directory/);
  };
  const copied = (wanted: string, from: string, to: string): Promise<void> =>
    refused(wanted, 'copy', '--from', `sqlite:${from}`, '--to', `sqlite:${to}`);

  before(async () => {
    mkdirSync(join(place, 'empty'));
    writeFileSync(backup, '');
    await openRegionStore({ stateDir: full }).close();
  });
  after(() => rmSync(place, { recursive: true }));

  test('a source without data is refused, and a mistyped one is not made', async () => {
    const [typo, target] = [join(place, 'typo'), join(place, 'target')];
    await copied(`--from: there is no file ${typo}/region.db: the directory ${typo} does not exist`, typo, target);
    await copied(`--from: there is no file ${place}/empty/region.db; `, join(place, 'empty'), target);
    assert.deepEqual([existsSync(typo), existsSync(target)], [false, false]);
  });

  test('a target that has a region is refused with the remedy for a directory', async () => {
    const source = join(place, 'source');
    await openRegionStore({ stateDir: source }).close();
    const remedy = 'name a new directory, or move it and its logs (region.db*) away together';
    await copied(`--to: ${full}/region.db exists: ${remedy}`, source, full);
    await copied(`--from and --to name the same directory, ${full}: `, full, `${full}/`);
    const link = join(place, 'link');
    symlinkSync(full, link);
    await copied(`--from and --to name the same directory, ${full} (also called ${link}): `, full, link);
    const url = 'postgresql://127.0.0.1:9/r';
    await refused('--from and --to name the same database: name another one', 'copy', '--from', url, '--to', url);
  });

  test('a target that cannot be made is refused', async () => {
    await copied('--to: directory /proc/target cannot be created (ENOENT): create it for', full, '/proc/target');
    await copied(`--to: relative is not an absolute path: write sqlite:/`, full, 'relative');
  });

  test('certificates for a database that is reached by a socket are refused, unless the other end needs them', async () => {
    const [socket, other] = ['postgresql:///r?host=/run/no', 'postgresql://127.0.0.1:9/r'];
    const ca = ['--ca-file', join(place, 'no.pem')];
    const unused = '--ca-file: has no use: PostgreSQL uses no TLS on a Unix-domain socket, which --to names; remove it';
    await refused(unused, 'copy', '--from', `sqlite:${full}`, '--to', socket, ...ca);
    await refused(`--ca-file: there is no file ${place}/no.pem`, 'copy', '--from', socket, '--to', other, ...ca);
  });

  test("another program's file under the name of an unfinished copy is refused with the remedy for a directory", async () => {
    const foreign = join(place, 'foreign');
    mkdirSync(foreign);
    const path = join(foreign, 'region.db.unfinished');
    writeFileSync(path, '', { mode: 0o600 });
    const database = new DatabaseSync(path);
    database.exec('PRAGMA application_id = 7; CREATE TABLE other (x)');
    database.close();
    const text = `${path} is not a region database of Rackboot (application id 7): move the file away, or name another directory`;
    await copied(`--to: ${text}`, full, foreign);
  });

  test('a directory on which a region runs is refused at either end', async () => {
    const lock = lockState(full);
    try {
      await copied(`--from: another Rackboot already runs here for ${full} (process `, full, join(place, 'target'));
      const other = join(place, 'other');
      await openRegionStore({ stateDir: other }).close();
      await copied(`--to: another Rackboot already runs here for ${full} (process `, other, full);
      const running = `another Rackboot already runs here for ${full} (process ${process.pid}); stop it first, or set state_dir to`;
      await refused(running, 'restore', backup, '--config', config);
    } finally {
      lock.release();
    }
  });

  test('a backup is refused with the remedy for a file, and what is restored into with that for the store', async () => {
    await refused(`${backup} exists: name a new file, `, 'backup', backup, '--config', config);
    await refused('directory /proc/no cannot be created (ENOENT): ', 'backup', '/proc/no/x', '--config', config);
    const away = `${full}/region.db exists: move it and its logs (region.db*) away together`;
    await refused(away, 'restore', join(full, 'region.db'), '--config', config);
  });
});
