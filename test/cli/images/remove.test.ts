// `rackboot images remove` for a name that no image has, or that several have: the error lists what was probably meant.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { makeDisk } from '../../images/disks.ts';
import { printedBy } from '../../support/printed.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-remove-images-'));
const disk = join(place, 'FILE of a disk.img');
const tree = join(place, 'tree');
after(() => rmSync(place, { recursive: true }));

const images = (...words: readonly string[]) => printedBy(() => runCommandLine(['images', ...words, '--tree', tree]));

before(async () => {
  writeFileSync(disk, makeDisk(1024 * 1024, 'gpt'));
  for (const release of ['jessie', 'jammy']) {
    const { result, complaint } = await images('add', disk, '--os', 'debian', '--release', release);
    assert.equal(result, 0, complaint);
  }
});

for (const [wanted, hint] of [
  [
    'debian/jes',
    /no image "debian\/jes"; did you mean debian\/jessie\/amd64\/generic\/release\/\d{8}\? .*`.*images list --tree \S+` names all/,
  ],
  ['debian/j', /did you mean debian\/jammy\/amd64\/\S+, debian\/jessie\/amd64\/\S+\? /],
  ['debian/jesie', /did you mean debian\/jessie\? /],
  ['debain', /did you mean debian\? /],
  ['debian', /^rackboot: 2 images match; give a full name, or add --all: debian\/jammy\/\S+, debian\/jessie\/\S+$/m],
] as const) {
  test(`remove ${wanted} removes nothing, and lists what was probably meant`, async () => {
    const { result, complaint, text } = await images('remove', wanted);
    assert.notEqual(result, 0);
    assert.equal(text, '');
    assert.match(complaint, hint);
  });
}

test('a command that repairs an image names its file, quoted for the shell', async () => {
  const broken = join(place, 'it is.qcow2');
  writeFileSync(broken, 'QFI\xfb and no more', 'latin1');
  const { complaint } = await images('add', broken, '--os', 'debian', '--release', 'sid');
  assert.ok(complaint.includes(`see what \`qemu-img check '${broken}'\` says`), complaint);
  assert.doesNotMatch(complaint, /\bFILE\b/);
});

test('the list of an empty store names each way to get an image, the import first', async () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-empty-'));
  try {
    const { text } = await printedBy(() => runCommandLine(['images', 'list', '--tree', tree]));
    assert.match(text, /images available.*images import.*ubuntu\/noble.*images make-debian.*images add FILE/);
  } finally {
    rmSync(tree, { recursive: true });
  }
});
