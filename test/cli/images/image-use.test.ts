// The images that machines are being deployed from: known however the configuration or a person writes the path of the boot tree.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTreeAsOwner } from '../../../src/cli/images/image-tree.ts';
import { readImageUse } from '../../../src/cli/images/image-use.ts';
import { CONTROL_SOCKET } from '../../../src/http/config.ts';
import type { StoredImage } from '../../../src/images/store/image-store.ts';

const IMAGE: StoredImage = {
  os: 'debian',
  release: 'bookworm',
  architecture: 'amd64',
  subarchitecture: 'generic',
  label: 'release',
  serial: '20261121',
  title: '',
  sha256: 'ab'.repeat(32),
  bytes: 1,
  format: 'raw',
  diskBytes: 1,
  partitionTable: 'gpt',
};
const MACHINE = { hostname: 'calm-eagle', osystem: 'debian', distro_series: 'bookworm', architecture: 'amd64/generic' };

for (const [written, configured, given] of [
  ['as it is', 'state/boot', undefined],
  ['with a slash at its end in the configuration', 'state/boot/', undefined],
  ['with dots in the configuration', 'state/../state/boot', undefined],
  ['with a slash at its end by a person', 'boot', 'boot/'],
  ['by a person through a link', 'boot', 'link/boot'],
] as const)
  test(`a machine that is being deployed is known for a boot tree that is written ${written}`, async (t) => {
    const place = mkdtempSync(join(tmpdir(), 'rackboot-image-use-'));
    t.after(() => rmSync(place, { recursive: true }));
    const stateDir = join(place, 'state');
    for (const name of ['state/boot', 'boot']) mkdirSync(join(place, name), { recursive: true });
    symlinkSync(place, join(place, 'link'));
    const config = join(place, 'rackboot.yaml');
    writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\nboot:\n  tree: ${place}/${configured}\n`);
    const daemon = createServer((_, answer) => void answer.end(JSON.stringify([MACHINE])));
    daemon.listen(join(stateDir, CONTROL_SOCKET));
    await once(daemon, 'listening');
    t.after(() => daemon.close());
    const tree = given === undefined ? undefined : `${place}/${given}`;
    const { findUsers: usersOf } = await readImageUse(await openTreeAsOwner({ config, tree }));
    assert.deepEqual(usersOf(IMAGE), [MACHINE.hostname]);
  });
