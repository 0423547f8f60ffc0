// Profiles: where they are, who may read them, and what their names may be.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  listProfiles,
  profileDirectory,
  readProfile,
  removeProfile,
  writeProfile,
} from '../../../src/cli/clients/profiles.ts';

const home = mkdtempSync(join(tmpdir(), 'rackboot-profiles-'));
const PROFILE = { url: 'http://rack:5240/MAAS', api: '2.0', key: 'a:b:c' } as const;
process.env.XDG_CONFIG_HOME = home;
after(() => rmSync(home, { recursive: true }));

test('profiles are below the directory of the user, in $XDG_CONFIG_HOME if that is a whole path', () => {
  assert.equal(profileDirectory({ HOME: '/home/ann' }), '/home/ann/.config/rackboot/profiles');
  assert.equal(profileDirectory({ HOME: '/home/ann', XDG_CONFIG_HOME: '/x' }), '/x/rackboot/profiles');
  assert.equal(profileDirectory({ HOME: '/home/ann', XDG_CONFIG_HOME: 'x' }), '/home/ann/.config/rackboot/profiles');
});

test('a profile is written for its user alone, replaced and removed, and leaves nothing half written', () => {
  assert.deepEqual(listProfiles(), []);
  writeProfile('root', PROFILE);
  writeProfile('ann@far', { ...PROFILE, api: '1.0' });
  writeProfile('root', { ...PROFILE, ca_file: '/x.pem' });
  const directory = profileDirectory();
  assert.deepEqual(readdirSync(directory).toSorted(), ['ann@far.json', 'root.json']);
  assert.equal(statSync(join(directory, 'root.json')).mode & 0o777, 0o600);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.deepEqual(listProfiles(), ['ann@far', 'root']);
  assert.deepEqual(readProfile('root'), { ...PROFILE, ca_file: '/x.pem' });
  removeProfile('ann@far');
  assert.deepEqual(listProfiles(), ['root']);
});

test('a profile that others may read is refused, and so is a file that is not a profile', () => {
  writeProfile('open', PROFILE);
  const file = join(profileDirectory(), 'open.json');
  chmodSync(file, 0o644);
  assert.throws(() => readProfile('open'), { code: 'permission-denied', message: /chmod 600/ });
  chmodSync(file, 0o600);
  for (const text of ['', 'no JSON', '{}', JSON.stringify({ ...PROFILE, api: '3.0' })]) {
    writeFileSync(file, text);
    assert.throws(() => readProfile('open'), { code: 'bad-argument', message: /rackboot login open/ });
  }
  removeProfile('open');
});

test('an unknown profile is answered with the nearest one', () => {
  writeProfile('root', PROFILE);
  assert.throws(() => readProfile('rot'), { code: 'not-found', message: /did you mean root\?.*rackboot login rot/ });
  assert.throws(() => removeProfile('nobody'), { code: 'not-found' });
});

test('a name that is a path, a command or an option is not a name of a profile', () => {
  for (const name of ['', '.', '..', '../x', 'a/b', '-x', 'login', 'status', 'x'.repeat(65), 'a b'])
    assert.throws(() => writeProfile(name, PROFILE), { code: 'bad-argument' }, name);
  assert.ok(!existsSync(join(home, 'rackboot', 'x.json')));
});
