// Files that a person put into the directory of a boot loader or an installer, and the installers of other systems: no import and no removal
// destroys them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { exchangePaths } from '../../../src/files/exchange-paths.ts';
import { newUuid } from '../../../src/ground/clock.ts';
import { RackError } from '../../../src/ground/errors.ts';
import { checkUploadSpace } from '../../../src/images/make/upload-part.ts';
import { sweepDownloads } from '../../../src/images/run/left-downloads.ts';
import { checkParts } from '../../../src/images/run/part-check.ts';
import { readRefusal, recordRefusal } from '../../../src/images/run/refusals.ts';
import {
  assertReplaceable,
  createReplacementCheck,
  listTreeParts,
  removePart,
} from '../../../src/images/run/tree-parts.ts';
import {
  allowReplacement,
  type ExchangeEntries,
  publishDirectory,
  type ReplacementCheck,
} from '../../../src/images/store/directory-publication.ts';
import { beginCopy, sweepBlobs } from '../../../src/images/store/image-removal.ts';
import { readImages } from '../../../src/images/store/image-store.ts';
import { printedBy } from '../../support/printed.ts';
import { putPart } from '../../support/tree-part.ts';

const INSTALLER = 'amd64/generic/bookworm/install';
const FACTS = { os: 'debian', title: 'Debian 12', serial: '20261101' };
const FILES = { linux: 'kernel', 'initrd.gz': 'initrd' };

let tree = '';
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'rackboot-own-files-'));
});
afterEach(() => rmSync(tree, { recursive: true, force: true }));

test('an installer of another system does not replace one, though both have a release of that name', () => {
  putPart(tree, INSTALLER, FILES, FACTS);
  assertReplaceable(tree, INSTALLER, 'debian');
  assert.throws(() => assertReplaceable(tree, INSTALLER, 'evil'), {
    code: 'already-exists',
    message: /^amd64\/generic\/bookworm\/install has the installer of debian, .*: remove it first/,
  });
});

test('files that no import put into a directory are neither replaced nor removed', async () => {
  mkdirSync(join(tree, INSTALLER), { recursive: true });
  assertReplaceable(tree, INSTALLER, 'debian');
  writeFileSync(join(tree, INSTALLER, 'linux'), 'mine');
  assert.throws(() => assertReplaceable(tree, INSTALLER, 'debian'), { code: 'already-exists', message: /no import/ });
  putPart(tree, INSTALLER, FILES, FACTS);
  writeFileSync(join(tree, INSTALLER, '.linux.damaged'), 'kept by a check');
  const [part] = listTreeParts(tree);
  assert.ok(part);
  writeFileSync(join(tree, INSTALLER, 'preseed.cfg'), 'mine');
  const words = /install\/preseed\.cfg" was not put there by an import: move it away/;
  assert.throws(() => assertReplaceable(tree, INSTALLER, 'debian'), { code: 'bad-argument', message: words });
  await assert.rejects(removePart(tree, part), { code: 'bad-argument', message: words });
  assert.equal(readdirSync(join(tree, INSTALLER)).length, 5);
  rmSync(join(tree, INSTALLER, 'preseed.cfg'));
  await removePart(tree, part);
  assert.equal(existsSync(join(tree, INSTALLER)), false);
});

for (const linked of ['amd64', 'amd64/generic/bookworm', INSTALLER])
  test(`nothing is replaced or removed behind the link ${linked}`, async () => {
    putPart(tree, INSTALLER, FILES, FACTS);
    const [part] = listTreeParts(tree);
    assert.ok(part);
    renameSync(join(tree, linked), join(tree, 'away'));
    symlinkSync(join(tree, 'away'), join(tree, linked));
    const words = /is a link, and nothing is changed behind it/;
    assert.throws(() => assertReplaceable(tree, INSTALLER, 'debian'), { code: 'store-unwritable', message: words });
    await assert.rejects(removePart(tree, part), { code: 'store-unwritable', message: words });
    assert.equal(readdirSync(join(tree, INSTALLER)).length, 3);
  });

test('an installer whose replacement a kill interrupted comes back, unless a newer one is there', async () => {
  putPart(tree, INSTALLER, FILES, FACTS);
  const release = join(tree, 'amd64/generic/bookworm');
  const old = join(release, `.install.old-${newUuid()}`);
  renameSync(join(tree, INSTALLER), old);
  await sweepDownloads(tree, Date.now());
  assert.equal(readFileSync(join(tree, INSTALLER, 'linux'), 'utf8'), 'kernel');
  mkdirSync(old);
  await sweepDownloads(tree, Date.now());
  assert.deepEqual(readdirSync(release), ['install'], 'the replaced one is deleted');
});

test('a killed removal stays one, and a killed import leaves no bytes', async () => {
  putPart(tree, INSTALLER, FILES, FACTS);
  const release = join(tree, 'amd64/generic/bookworm');
  renameSync(join(tree, INSTALLER), join(release, `.install.gone-${newUuid()}`));
  // As an earlier release named it.
  putPart(tree, `amd64/generic/bookworm/.install.new-${newUuid()}`, FILES, FACTS);
  mkdirSync(join(release, '.install.kept-by-me'));
  await sweepDownloads(tree, Date.now());
  assert.deepEqual(readdirSync(release), ['.install.kept-by-me']);
});

test('files of a person in a directory that a killed process moved away are kept', async () => {
  const release = join(tree, 'amd64/generic/bookworm');
  const names = ['.install.gone-fishing', '.install.new-plan', '.install.old-20261101', `.install.${newUuid()}`];
  for (const name of names) {
    mkdirSync(join(release, name), { recursive: true });
    writeFileSync(join(release, name, 'thesis'), 'mine');
  }
  await publishDirectory(join(tree, INSTALLER), NEW, createReplacementCheck(tree, 'debian'));
  await sweepDownloads(tree, Date.now());
  assert.deepEqual(readdirSync(release).toSorted(), [...names, 'install'].toSorted());
});

const NEW = [{ name: 'linux', data: Buffer.from('a new kernel') }];
/** A file system that exchanges directories, and one that cannot. */
const FILE_SYSTEMS: readonly (readonly [string, ExchangeEntries | undefined])[] = [
  ['by an exchange', undefined],
  ['in two steps', () => 'unable'],
];

test('a directory that a person makes during an import stays', async () => {
  const publishing = publishDirectory(join(tree, INSTALLER), NEW, createReplacementCheck(tree, 'debian'));
  mkdirSync(join(tree, INSTALLER), { recursive: true });
  writeFileSync(join(tree, INSTALLER, 'thesis'), 'mine');
  await assert.rejects(publishing, { code: 'already-exists', message: /bookworm\/install has files that no import/ });
  assert.deepEqual(readdirSync(join(tree, INSTALLER)), ['thesis']);
  assert.deepEqual(readdirSync(join(tree, INSTALLER, '..')), ['install']);
});

for (const [how, exchange] of FILE_SYSTEMS)
  test(`several that are published at once ${how} end with one whole directory`, async () => {
    for (let round = 0; round < 10; round += 1) {
      const texts = ['a', 'b', 'c', 'd'];
      const filesOf = (text: string) => ['linux', 'initrd.gz'].map((name) => ({ name, data: Buffer.from(text) }));
      await Promise.all(
        texts.map((one) => publishDirectory(join(tree, INSTALLER), filesOf(one), allowReplacement, exchange)),
      );
      const [kernel, initrd] = ['linux', 'initrd.gz'].map((name) => readFileSync(join(tree, INSTALLER, name), 'utf8'));
      assert.equal(kernel, initrd);
      assert.deepEqual(readdirSync(join(tree, INSTALLER, '..')), ['install']);
    }
  });

test('a machine finds a directory at each moment of its replacement', async () => {
  putPart(tree, INSTALLER, FILES, FACTS);
  const looks = [exchangePaths(join(tree, INSTALLER), join(tree, 'missing'))];
  const watched: ExchangeEntries = (one, other) => {
    looks.push(exchangePaths(one, other));
    return 'exchanged';
  };
  const check: ReplacementCheck = (place) => assert.ok(existsSync(join(place, 'linux')));
  await publishDirectory(join(tree, INSTALLER), NEW, check, watched);
  assert.deepEqual(looks, ['absent', 'exchanged']);
});

for (const [what, put] of [
  ['a file', (path: string) => writeFileSync(path, 'mine')],
  ['a link', (path: string) => symlinkSync(tree, path)],
] as const)
  test(`${what} in the place of an installer is refused`, () => {
    mkdirSync(join(tree, INSTALLER, '..'), { recursive: true });
    put(join(tree, INSTALLER));
    assert.throws(() => assertReplaceable(tree, INSTALLER, 'debian'), RackError);
  });

for (const [what, put] of [
  ['directory', (path: string) => mkdirSync(path)],
  ['link', (path: string) => symlinkSync(tree, path)],
] as const)
  test(`a ${what} of a person under the name of an imported file, or a hidden one, is neither replaced nor removed`, async () => {
    for (const name of ['linux', '.mine', '.linux.damaged']) {
      putPart(tree, INSTALLER, FILES, FACTS);
      const [part] = listTreeParts(tree);
      assert.ok(part);
      rmSync(join(tree, INSTALLER, name), { force: true });
      put(join(tree, INSTALLER, name));
      const refusal = { code: 'bad-argument', message: /install\/\S+" was not put there by an import: move it/ };
      assert.throws(() => assertReplaceable(tree, INSTALLER, 'debian'), refusal);
      await assert.rejects(removePart(tree, part), refusal);
      assert.ok(lstatSync(join(tree, INSTALLER, name)));
    }
  });

test('a check leaves the directory of a person under the name of an imported file', async () => {
  putPart(tree, INSTALLER, FILES, FACTS);
  rmSync(join(tree, INSTALLER, 'linux'));
  mkdirSync(join(tree, INSTALLER, 'linux/thesis'), { recursive: true });
  const { parts } = await checkParts({ tree, repairs: true, onProgress: () => undefined });
  assert.deepEqual(
    parts[0]?.files.map(({ state }) => state.kind),
    ['damaged', 'whole'],
  );
  assert.ok(existsSync(join(tree, INSTALLER, 'linux/thesis')));
});

for (const [what, manifest] of [
  ['cut', '{"schema": 1, "fi'],
  ['empty', ''],
  ['without files', '{"schema": 1, "files": []}'],
] as const)
  test(`a manifest that is ${what} is named by the check and the import with one remedy, which an operator can follow`, async () => {
    putPart(tree, INSTALLER, FILES, FACTS);
    writeFileSync(join(tree, INSTALLER, 'manifest.json'), manifest);
    const remedy = `\`sudo rackboot images remove ${INSTALLER}\` moves the files out of the way`;
    const says = ({ message }: Error): boolean =>
      message.includes('install/manifest.json is damaged: it ') && message.includes(remedy);
    assert.throws(() => assertReplaceable(tree, INSTALLER, 'debian'), says);
    const { problems } = await checkParts({ tree, repairs: true, onProgress: () => undefined });
    assert.ok(problems[0]?.includes(remedy), problems[0]);
    const removal = await printedBy(() => runCommandLine(['images', 'remove', INSTALLER, '--tree', tree]));
    assert.equal(removal.result, 0, removal.complaint);
    const [, kept = ''] = /they are now in (\S+);/.exec(removal.text) ?? [];
    assert.equal(readFileSync(join(kept, 'linux'), 'utf8'), 'kernel');
    assertReplaceable(tree, INSTALLER, 'debian');
    await publishDirectory(join(tree, INSTALLER), NEW, createReplacementCheck(tree, 'debian'));
    assert.ok(existsSync(join(kept, 'linux')), 'nothing of Rackboot removes it');
  });

test('a refusal is noted in a new file, whatever has its place', async () => {
  const file = { directory: tree, name: 'ab'.repeat(32) };
  const path = join(tree, `${file.name}.refused`);
  writeFileSync(join(tree, 'other'), 'of somebody else');
  for (const place of [path, `${path}.new`]) symlinkSync(join(tree, 'other'), place);
  await recordRefusal(file, { as: 'amd64', why: 'it is empty' });
  assert.equal(readFileSync(join(tree, 'other'), 'utf8'), 'of somebody else');
  rmSync(path);
  execFileSync('mkfifo', [path]);
  await recordRefusal(file, { as: 'amd64', why: 'it is empty' });
  assert.match(readRefusal(file, 'amd64') ?? '', /^it is empty/);
});

test('a directory of images that is a link is refused everywhere, because no machine gets files through it', async () => {
  const away = mkdtempSync(join(tmpdir(), 'rackboot-away-'));
  try {
    symlinkSync(away, join(tree, 'images'));
    mkdirSync(join(away, '.downloads'));
    const part = join(away, '.downloads', `${'ab'.repeat(32)}.part`);
    writeFileSync(part, 'of somebody else');
    utimesSync(part, 0, 0);
    const words = { code: 'tree-unreadable', message: /images is a link, .*: put all of .* on the other disk instead/ };
    assert.throws(() => readImages(tree), words);
    for (const refused of [
      () => sweepDownloads(tree, Date.now()),
      () => sweepBlobs(tree, Date.now(), new Set()),
      async () => beginCopy(tree),
      () => checkUploadSpace(tree, 1),
    ])
      await assert.rejects(refused(), words);
    const { complaint } = await printedBy(() => runCommandLine(['images', 'fsck', '--tree', tree]));
    assert.match(complaint, words.message);
    assert.deepEqual(readdirSync(away, { recursive: true }).toSorted(), ['.downloads', `.downloads/${basename(part)}`]);
  } finally {
    rmSync(away, { recursive: true });
  }
});
