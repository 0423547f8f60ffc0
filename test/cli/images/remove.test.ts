// `rackboot images remove` for a name that no image has, or that several have: the error lists what was probably meant.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { sweepBlobs } from '../../../src/images/store/image-removal.ts';
import { readImages } from '../../../src/images/store/image-store.ts';
import { makeDisk } from '../../images/disks.ts';
import { printedBy } from '../../support/printed.ts';
import { putPart } from '../../support/tree-part.ts';

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
    /no image "debian\/jes"; .*debian\/jessie\/amd64\/generic\/release\/\d{8}\? .*images list --tree \S+`/,
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

/** Puts a boot loader and an installer into the tree. */
function putParts(): void {
  putPart(tree, 'bootloader/pxe/amd64', { 'pxelinux.0': 'loader' }, { title: 'pxelinux', serial: '20261029' });
  const facts = { os: 'debian', title: 'Debian 13', serial: '20261101' };
  putPart(tree, 'amd64/generic/trixie/install', { linux: 'kernel', 'initrd.gz': 'initrd' }, facts);
}

for (const [wanted, removed, directory] of [
  ['debian/trixie', 'installer/debian/trixie/amd64', 'amd64/generic/trixie'],
  ['installer/debian/trixie/amd64', 'installer/debian/trixie/amd64', 'amd64/generic/trixie'],
  ['installer', 'installer/debian/trixie/amd64', 'amd64/generic/trixie'],
  ['bootloader/pxe', 'bootloader/pxe/amd64/generic/stable/20261029', 'bootloader/pxe'],
] as const)
  test(`remove ${wanted} removes ${removed} with its directory, and says how much that freed`, async () => {
    putParts();
    const { result, text, complaint } = await images('remove', wanted);
    assert.equal(result, 0, complaint);
    assert.match(text, new RegExp(`^Removed ${removed}\nFreed (?:6|12) B\\.$`, 'm'));
    assert.equal(existsSync(join(tree, directory)), false);
    assert.ok(existsSync(join(tree, directory, '../..')));
  });

test('remove moves an environment with a damaged manifest aside, as the check says', async () => {
  const directory = 'amd64/generic/bullseye/commissioning';
  putPart(tree, directory, { linux: 'kernel', 'initrd.gz': 'initrd' }, {});
  writeFileSync(join(tree, directory, 'manifest.json'), '{');
  const { complaint } = await images('fsck');
  assert.match(complaint, /images remove amd64\/generic\/bullseye\/commissioning` .* images build` brings new/);
  const { result, text } = await images('remove', directory);
  assert.equal(result, 0);
  assert.match(text, /they are now in \S+\/bullseye\/\.commissioning\.damaged-/);
  assert.equal(existsSync(join(tree, directory)), false);
  rmSync(join(tree, 'amd64/generic/bullseye'), { recursive: true });
});

test('remove takes the image of a release, and its installer only by its full name', async () => {
  putPart(
    tree,
    'amd64/generic/jammy/install',
    { linux: 'k', 'initrd.gz': 'i' },
    { os: 'debian', title: 'Debian', serial: '20261101' },
  );
  assert.match((await images('list')).text, /^debian\/jammy +amd64/m);
  const { complaint } = await images('remove', 'debian');
  assert.doesNotMatch(complaint, /installer/);
  assert.equal((await images('remove', 'installer/debian/jammy')).result, 0);
});

test('remove names the directory of an installer that a person put into the tree', async () => {
  mkdirSync(join(tree, 'amd64/generic/potato/install'), { recursive: true });
  for (const name of ['linux', 'initrd.gz']) writeFileSync(join(tree, 'amd64/generic/potato/install', name), name);
  const { result, complaint } = await images('remove', 'potato');
  assert.notEqual(result, 0);
  assert.match(
    complaint,
    /no command of Rackboot made the installer potato: remove \S+\/amd64\/generic\/potato\/install$/m,
  );
});

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

test('a title is refused before anything is copied if it is too long, by add, import and upload', async () => {
  const title = 'a'.repeat(17_000);
  const named = ['--os', 'debian', '--release', 'sid', '--title', title];
  for (const words of [
    ['add', disk, ...named, '--tree', tree],
    ['import', disk, ...named, '--tree', tree],
    ['upload', 'debian/sid', disk, '--title', title, '--config', join(place, 'none.yaml')],
  ]) {
    const { result, complaint } = await printedBy(() => runCommandLine(['images', ...words]));
    assert.notEqual(result, 0);
    assert.match(complaint, /the title has 17000 characters: use one of at most 128/);
  }
});

test('an image whose manifest cannot be used is listed with the command that removes it, which frees its bytes', async () => {
  const own = join(place, 'broken');
  const run = (...words: readonly string[]) => printedBy(() => runCommandLine(['images', ...words, '--tree', own]));
  assert.equal((await run('add', disk, '--os', 'custom', '--release', 'odd', '--serial', '20260101')).result, 0);
  const manifests = join(own, 'images/.manifests');
  const name = 'custom/odd/amd64/generic/release/20260101';
  const manifest = join(manifests, `${name.replaceAll('/', '~')}.json`);
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"title": "', `"title": "${'a'.repeat(17_000)}`));
  for (const words of [['list'], ['fsck', '--report']]) {
    const { result, complaint } = await run(...words);
    assert.equal(result, 1);
    assert.match(complaint, /longer than 16384 bytes\.\n.*images remove custom\/odd\/amd64\/\S+ --tree /);
  }
  assert.match(
    (await run('remove', 'custom/od')).complaint,
    /there is no image "custom\/od"; did you mean custom\/odd/,
  );
  const { result, text, complaint } = await run('remove', 'custom/odd');
  assert.equal(result, 0, complaint);
  assert.match(
    text,
    /^Removed custom\/odd\/amd64\/generic\/release\/20260101\nIts unusable manifest is now \S+\.damaged\//,
  );
  assert.deepEqual(readdirSync(manifests), []);
  const { images, problems } = readImages(own);
  assert.deepEqual({ images, problems }, { images: [], problems: [] });
  assert.ok((await sweepBlobs(own, Date.now() + 2 * 3_600_000, new Set())) > 0, 'no manifest stops a sweep any more');
});

test('several parts of a name that together are too long for a file are refused before anything is copied', async () => {
  const long = 'a'.repeat(63);
  const words = ['--os', long, '--release', long, '--subarch', long];
  const { result, complaint, text } = await images('add', disk, ...words, '--label', 'x'.repeat(63));
  assert.notEqual(result, 0);
  assert.match(complaint, /63 characters too long for a file/);
  assert.equal(text, '');
  // The longest name that passes can really be written.
  const { result: added, complaint: why } = await images('add', disk, ...words.slice(0, 4), '--label', 'x'.repeat(56));
  assert.equal(added, 0, why);
});

test('the command for a manifest that cannot be used removes only that one, even if other names begin with its own', async () => {
  const own = join(place, 'short');
  const run = (...words: readonly string[]) => printedBy(() => runCommandLine(['images', ...words, '--tree', own]));
  assert.equal((await run('add', disk, '--os', 'debian', '--release', 'jessie')).result, 0);
  writeFileSync(join(own, 'images/.manifests/debian.json'), 'not JSON');
  assert.match((await run('list')).complaint, /^To give that image up: .* images remove debian --tree \S+$/m);
  const { result, text, complaint } = await run('remove', 'debian');
  assert.equal(result, 0, complaint);
  assert.match(text, /^Removed debian\nIts unusable manifest is now \S+\/debian\.json\n/);
  assert.deepEqual(
    readImages(own).images.map(({ release }) => release),
    ['jessie'],
  );
});
