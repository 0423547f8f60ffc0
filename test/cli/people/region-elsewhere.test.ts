// Commands that open the region's store, on a rack whose region is elsewhere: they refuse, and leave an old region.db alone.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import { createAdmin } from '../../../src/region/accounts/accounts.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { printedBy } from '../../support/printed.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-region-elsewhere-'));
const stateDir = join(place, 'state');
const config = join(place, 'rackboot.yaml');
const password = join(place, 'password');
const backup = join(place, 'today.backup');

before(async () => {
  const store = openRegionStore({ stateDir });
  await createAdmin(store, systemClock, { username: 'ann', email: '', password: 'correct horse' });
  await store.close();
  const region = '{ mode: remote, url: "http://region:5240/MAAS" }';
  writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\nregion: ${region}\n`);
  writeFileSync(password, 'another staple\n', { mode: 0o600 });
});
after(() => rmSync(place, { recursive: true }));

for (const words of [
  ['createadmin', '--username', 'bob', '--password-file', password],
  ['password', 'ann', '--password-file', password],
  ['apikey', '--username', 'ann'],
  ['power', 'key'],
  ['region', 'backup', backup],
  ['region', 'restore', backup],
])
  test(`${words.slice(0, 2).join(' ').replace(/ --.*/, '')} names the region, and changes nothing`, async () => {
    const file = join(stateDir, 'region.db');
    const before = readFileSync(file);
    const { complaint, result, text } = await printedBy(() => runCommandLine([...words, '--config', config]));
    assert.equal(result, 2, complaint);
    assert.match(complaint, /^rackboot: the region of this rack is at http:\/\/region:5240\/MAAS/);
    assert.equal(text, '');
    assert.ok(readFileSync(file).equals(before));
    assert.equal(existsSync(backup), false);
    assert.deepEqual(
      readdirSync(stateDir).filter((name) => name.startsWith('ssh')),
      [],
    );
  });

test('an old region.db that a person names is still copied', async () => {
  const target = join(place, 'copy');
  const words = ['region', 'copy', '--from', `sqlite:${stateDir}`, '--to', `sqlite:${target}`];
  const { complaint, result } = await printedBy(() => runCommandLine(words));
  assert.equal(result, 0, complaint);
  assert.ok(existsSync(join(target, 'region.db')));
});
