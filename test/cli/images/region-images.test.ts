// `rackboot images list|remove` on the host of a region: one line for each image, with the hosts and the racks that have it; and the deletion
// of an image at all hosts.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { answerControl } from '../../support/control-answers.ts';
import { printedBy } from '../../support/printed.ts';

const image = (release: string, sha256: string) => ({
  os: 'debian',
  release,
  architecture: 'amd64',
  subarchitecture: 'generic',
  label: 'release',
  serial: '20260101',
  path: 'x',
  sha256,
  bytes: 300_000_000,
  diskBytes: 900_000_000,
  format: 'raw',
});
const rack = (name: string, state: string, images: readonly unknown[]) => ({ name, status_name: state, images });
const version = (id: number, name: string, serial: string, sha256: string, hosts: readonly string[]) => ({
  id,
  name: `${name}/amd64/generic/release`,
  version: serial,
  title: '',
  size: 300_000_000,
  disk_size: null,
  sha256,
  hosts,
});

const RACKS = [
  rack('one', 'accepted', [image('trixie', 'aa'), image('bookworm', 'bb')]),
  rack('two', 'accepted', [image('bookworm', 'bb')]),
  rack('three', 'pending', [image('sid', 'cc')]),
];
const VERSIONS = [
  version(1, 'custom/site', '20260202', 'dd', ['east', 'west']),
  version(1, 'custom/site', '20260101', 'ee', ['west']),
  version(2, 'custom/small', '20260101', 'ff', ['east']),
  version(3, 'debian/bookworm', '20260101', 'bb', ['east']),
  version(4, 'debian/trixie', '20260101', 'aa', []),
];

const source = { id: 7, name: 'debian', url: 'http://site.example/', pinned_by: null };
const selection = (os: string, release: string, arches: readonly string[], labels: readonly string[] = ['*']) => ({
  id: 1,
  boot_source_id: 7,
  os,
  release,
  arches,
  subarches: ['ga-6.1'],
  labels,
  pinned_by: null,
});

async function images(t: TestContext) {
  const answers = {
    '/MAAS/api/2.0/nodegroups/': RACKS,
    '/MAAS/api/2.0/boot-resources/?op=list_versions': VERSIONS,
    '/MAAS/api/2.0/boot-sources/?details=true': [source, { ...source, id: 8, name: 'installers', kind: 'installer' }],
    '/MAAS/api/2.0/boot-sources/8/selections/?details=true': [selection('debian', 'bookworm', ['amd64'])],
    '/MAAS/api/2.0/boot-sources/7/selections/?details=true': [
      selection('debian', 'bookworm', ['arm64', 'amd64']),
      selection('custom', '*', ['arm64']),
      selection('custom', 'small', ['*'], ['daily']),
    ],
  };
  const { config, deleted } = await answerControl(t, answers, '{ store: { kind: sqlite } }');
  const run = (...words: readonly string[]) =>
    printedBy(() => runCommandLine(['images', ...words, '--config', config]));
  return { run, deleted };
}

test('images of several hosts and racks are listed once, those of a rack that waits are not', async (t) => {
  const { run } = await images(t);
  const { text, complaint } = await run('list');
  assert.equal(complaint, '');
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  assert.deepEqual(
    lines.map((cells) => [cells[0], ...cells.slice(-2)]),
    [
      ['IMAGE', 'HOSTS', 'RACKS'],
      ['custom/site/amd64/generic/release/20260101', 'west', 'none'],
      ['custom/site/amd64/generic/release/20260202', 'east west', 'none'],
      ['custom/small/amd64/generic/release/20260101', 'east', 'none'],
      ['debian/bookworm/amd64/generic/release/20260101', 'east', 'one two'],
      ['debian/trixie/amd64/generic/release/20260101', 'none', 'one'],
    ],
  );
  const { images: shown } = JSON.parse((await run('list', '--json')).text);
  assert.deepEqual(shown[3].racks, ['one', 'two']);
  assert.deepEqual(
    [shown[1].os, shown[1].serial, shown[1].bytes, shown[1].hosts],
    ['custom', '20260202', 300_000_000, ['east', 'west']],
  );
});

for (const wanted of ['custom/site', 'custom/site/amd64/generic/release/']) {
  test(`remove ${wanted} deletes all versions of the image at all hosts, and says so`, async (t) => {
    const { run, deleted } = await images(t);
    const { text, complaint, result } = await run('remove', wanted);
    assert.equal(result, 0, complaint);
    assert.deepEqual(deleted, ['/MAAS/api/2.0/boot-resources/1/']);
    assert.match(
      text,
      /^Deleted custom\/site\/amd64\/generic\/release, 2 versions\nEvery host of the region removes it;/,
    );
  });
}

test('one version is deleted if it is the only one, and several images with --all', async (t) => {
  const { run, deleted } = await images(t);
  assert.equal((await run('remove', 'custom/small/amd64/generic/release/20260101')).result, 0);
  const { text } = await run('remove', 'custom', '--all', '--json');
  assert.deepEqual(
    JSON.parse(text).removed.map(({ id, versions }: { id: number; versions: readonly string[] }) => [id, versions]),
    [
      [1, ['20260202', '20260101']],
      [2, ['20260101']],
    ],
  );
  assert.deepEqual(
    deleted.map((path) => path.split('/').at(-2)),
    ['2', '1', '2'],
  );
});

for (const [wanted, complaint] of [
  ['custom', /2 images match; give a full name, or add --all: custom\/site\/\S+, custom\/small\/\S+$/m],
  [
    'custom/site/amd64/generic/release/20260101',
    /all 2 versions of an image together: remove custom\/site\/amd64\/generic\/release$/m,
  ],
  ['custom/sit', /no image "custom\/sit"; did you mean custom\/site\? `.*images list/],
  ['debian/trixie', /only racks have debian\/trixie: run this command on the host of each/],
] as const) {
  test(`remove ${wanted} deletes nothing, and says why`, async (t) => {
    const { run, deleted } = await images(t);
    const ended = await run('remove', wanted);
    assert.notEqual(ended.result, 0);
    assert.match(ended.complaint, complaint);
    assert.deepEqual(deleted, []);
  });
}

test('a removal says if a selection fetches the image again, whose further subarchitectures only its source knows', async (t) => {
  const { run } = await images(t);
  const { complaint } = await run('remove', 'debian/bookworm');
  assert.match(complaint, /^Note: debian\/bookworm of debian is selected, .*images selections list.*`$/m);
  assert.equal((await run('remove', 'custom/small')).complaint, '');
});
