// The doctor's judgement on the files of profiles.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { profileList } from '../../src/config/profile-list.ts';
import { examineProfiles } from '../../src/doctor/tree-check.ts';

const tree = mkdtempSync(join(tmpdir(), 'rackboot-doctor-profiles-'));
after(() => rmSync(tree, { recursive: true }));

const profiles = profileList.parse([
  { name: 'live', file: 'profiles/linux', initrds: ['https://files.example/initrd', 'boot.wim=profiles/boot.wim'] },
  { name: 'disc', kind: 'iso', file: 'http://files.example/a.iso' },
  { name: 'script', kind: 'ipxe', script: 'shell' },
]);

function faults(): readonly string[] {
  const found: string[] = [];
  examineProfiles({ tree, profiles }, (check, ok, text) => {
    assert.equal(ok, false);
    found.push(`${check} ${/profiles\/\S+/.exec(text)?.[0]}`);
  });
  return found;
}

test('a profile whose file the tree lacks is a fault that names the file; URLs and scripts are none', () => {
  assert.deepEqual(faults(), ['profile live profiles/linux']);
  mkdirSync(join(tree, 'profiles'));
  writeFileSync(join(tree, 'profiles/linux'), 'x');
  assert.deepEqual(faults(), ['profile live profiles/boot.wim']);
  writeFileSync(join(tree, 'profiles/boot.wim'), 'x');
  assert.deepEqual(faults(), []);
});
