// `rackboot images list` on the host of a region: one line for each image, with the racks that have it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { answerControl } from '../../support/control-answers.ts';
import { printedBy } from '../../support/printed.ts';

const image = (release: string, sha256: string) => ({
  ...{ os: 'debian', release, architecture: 'amd64', subarchitecture: 'generic', label: 'release', serial: '20260101' },
  ...{ path: 'x', sha256, bytes: 300_000_000, diskBytes: 900_000_000, format: 'raw' },
});
const rack = (name: string, state: string, images: readonly unknown[]) => ({ name, status_name: state, images });

test('images of several racks are listed once, those of a rack that waits are not', async (t) => {
  const racks = [
    rack('one', 'accepted', [image('trixie', 'aa'), image('bookworm', 'bb')]),
    rack('two', 'accepted', [image('bookworm', 'bb')]),
    rack('three', 'pending', [image('sid', 'cc')]),
  ];
  const { config } = await answerControl(t, { '/MAAS/api/2.0/nodegroups/': racks }, '{ store: { kind: sqlite } }');
  const list = (...more: string[]) => printedBy(() => runCommandLine(['images', 'list', ...more, '--config', config]));
  const { text, complaint } = await list();
  assert.equal(complaint, '');
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  assert.deepEqual(
    lines.map((cells) => [cells[0], cells.at(-1)]),
    [
      ['IMAGE', 'RACKS'],
      ['debian/bookworm/amd64/generic/release/20260101', 'one two'],
      ['debian/trixie/amd64/generic/release/20260101', 'one'],
    ],
  );
  const { images } = JSON.parse((await list('--json')).text);
  assert.deepEqual(images[0].racks, ['one', 'two']);
});
