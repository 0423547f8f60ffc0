// Every command that takes a file reports a missing file in the same words, with the remedy, and before it asks the rack or the region.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-files-'));
after(() => rmSync(place, { recursive: true }));
const config = join(place, 'rackboot.yaml');
writeFileSync(config, `name: rack\nstate_dir: ${place}\n`);
const FILE = join(place, 'absent.txt');

const COMMANDS: readonly (readonly string[])[] = [
  ['sshkeys', 'add', FILE],
  ['scripts', 'add', FILE],
  ['replay', FILE],
  ['leases', 'import', FILE],
  ['images', 'add', FILE, '--os', 'debian', '--release', 'x'],
  ['images', 'build', '--package', FILE, '--tree', place],
  ['images', 'import-installer', '--package', FILE, '--tree', place],
  ['createadmin', '--username', 'anna', '--password-file', FILE],
];

/** Commands that look for their programs before they look for a file. */
const NEEDS = { build: ['dpkg-deb'], 'import-installer': ['dpkg-deb', 'depmod'] } as const;
const needsOf = ([, verb]: readonly string[]) => (verb === 'build' || verb === 'import-installer' ? NEEDS[verb] : []);

for (const command of COMMANDS)
  test(`${command.join(' ').replaceAll(place, '')} names the file that is missing`, {
    skip: missing(...needsOf(command)),
  }, async () => {
    const { complaint, result } = await printedBy(() => runCommandLine([...command, '--config', config]));
    assert.equal(result, 1, complaint);
    assert.match(complaint, /^rackboot: there is no file \S+\/absent\.txt; `ls \S+` lists the files there\n$/);
  });
