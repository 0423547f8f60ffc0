// `rackboot images sources` and `selections`: what they print, and which source a URL means.

import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { answerControl } from '../../support/control-answers.ts';
import { printedBy } from '../../support/printed.ts';

const SHIPPED = fileURLToPath(new URL('../../../config/image-sources.yaml', import.meta.url));
const SITE = '/etc/rackboot/image-sources.yaml';
const UBUNTU = 'https://cloud-images.ubuntu.com/releases/';
const FEDORA = 'https://download.fedoraproject.org/pub/fedora/linux/releases/{version}/Cloud/{arch}/images/';
const OWN = 'http://images.example/stable/';
const ROCKY = 'https://dl.rockylinux.org/pub/rocky/{version}/images/{arch}/';
const ARCHIVE = '/usr/share/keyrings/debian-archive-keyring.gpg';
const KEYRING = '/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg';

const row = (id: number, name: string, url: string, more: object) => ({
  id,
  name,
  url,
  index: 'streams/v1/index.sjson',
  unsigned: false,
  why: null,
  pinned_by: null,
  keyring_filename: '',
  keyring_data: '',
  ...more,
});
const ROWS = [
  row(12, 'site-stream', OWN, {
    keyring_filename: '/etc/k.gpg',
    pinned_by: { file: SITE, key: 'sources[0]', line: 12 },
  }),
  row(1, 'ubuntu', UBUNTU, { keyring_filename: KEYRING, pinned_by: { file: SHIPPED, key: 'sources[0]' } }),
  row(5, 'fedora', FEDORA, {
    index: null,
    unsigned: true,
    why: 'It is not signed',
    pinned_by: { file: SHIPPED, key: 'sources[4]' },
  }),
  row(14, OWN, OWN, { keyring_data: 'AAAA' }),
  row(15, 'http://other.example/', 'http://other.example/', { keyring_filename: '/etc/other.gpg' }),
  row(16, 'rocky', ROCKY, { index: null, pinned_by: { file: SHIPPED, key: 'sources[2]' } }),
  row(17, 'debian-installer', 'http://mirror.example/debian/', {
    index: null,
    keyring_filename: ARCHIVE,
    pinned_by: { file: SHIPPED, key: 'sources[9]' },
  }),
];
const selection = (id: number, source: number, pin: object | null) => ({
  id,
  boot_source_id: source,
  os: 'ubuntu',
  release: 'noble',
  arches: ['amd64'],
  subarches: ['*'],
  labels: ['*'],
  pinned_by: pin,
});

async function images(t: TestContext) {
  const path = '/MAAS/api/2.0/boot-sources/';
  const { config, deleted } = await answerControl(t, {
    [`${path}?details=true`]: ROWS,
    [path]: ROWS[3],
    [`${path}14/`]: ROWS[3],
    ...Object.fromEntries(ROWS.map(({ id }) => [`${path}${id}/selections/?details=true`, []])),
    [`${path}12/selections/?details=true`]: [selection(2 ** 30, 12, { file: SITE, key: 'selections[0]', line: 40 })],
    [`${path}14/selections/?details=true`]: [selection(3, 14, null)],
    [`${path}14/selections/3/`]: selection(3, 14, null),
  });
  appendFileSync(config, 'preseeds: { debian_mirror: "http://mirror.example/debian" }\n');
  const run = (...words: readonly string[]) =>
    printedBy(() => runCommandLine(['images', ...words, '--config', config]));
  return { run, deleted };
}

test('sources list fits into 100 columns, and says how each source is verified, and where it is written', async (t) => {
  const { run } = await images(t);
  const { text, complaint, result } = await run('sources', 'list');
  assert.deepEqual([complaint, result], ['', 0]);
  const lines = text.trimEnd().split('\n');
  for (const line of lines) assert.ok(line.length <= 100, line);
  assert.deepEqual(
    lines.map((line) => line.replaceAll(/ {2,}/g, '  ')),
    [
      'ID  NAME  KEYS  WRITTEN IN',
      '12  site-stream  /etc/k.gpg (missing)  image-sources.yaml:12',
      `  ${OWN}`,
      `1  ubuntu  ${existsSync(KEYRING) ? KEYRING : 'to be fetched: 1A5D6C4C7DB87C81'}  shipped file`,
      `  ${UBUNTU}`,
      '5  fedora  unsigned  shipped file',
      `  ${FEDORA}`,
      '  unsigned: It is not signed',
      '14  –  its own  store',
      `  ${OWN}`,
      '15  –  /etc/other.gpg (missing)  store',
      '  http://other.example/',
      '16  rocky  to be fetched: 5B106C736FEDFC85 and 1 more  shipped file',
      `  ${ROCKY}`,
      `17  debian-installer  ${existsSync(ARCHIVE) ? ARCHIVE : `${ARCHIVE} (missing)`}  shipped file`,
      '  http://mirror.example/debian/ (the package mirror of this host)',
      `image-sources.yaml is ${SITE}; only that file changes what it has.`,
    ],
  );
});

test('selections list names the file once, and leaves no column empty', async (t) => {
  const { run } = await images(t);
  const { text } = await run('selections', 'list');
  assert.deepEqual(
    text
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(/ {2,}/)),
    [
      ['–', 'site-stream', 'ubuntu/noble', 'amd64', '*', '*', 'image-sources.yaml:40'],
      ['3', OWN, 'ubuntu/noble', 'amd64', '*', '*', 'store'],
      [`image-sources.yaml is ${SITE}; only that file changes what it has.`],
    ],
  );
});

for (const words of [
  ['selections', 'add', OWN, 'ubuntu/noble'],
  ['selections', 'list', OWN],
  ['sources', 'set', OWN, '--keyring', SHIPPED],
  ['sources', 'remove', OWN.slice(0, -1)],
]) {
  test(`${words.slice(0, 2).join(' ')} with the URL of two sources names both numbers, and does nothing`, async (t) => {
    const { run, deleted } = await images(t);
    const { result, complaint } = await run(...words);
    assert.notEqual(result, 0);
    assert.match(complaint, /several sources have the URL \S+: .*12 \(site-stream\), 14 \(added\)$/m);
    assert.deepEqual(deleted, []);
  });
}

test('sources add names a source of a file with the same URL', async (t) => {
  const { run } = await images(t);
  const { text, complaint } = await run('sources', 'add', OWN.slice(0, -1), '--keyring', SHIPPED);
  assert.match(text, /^Source 14 is /);
  assert.equal(complaint.trim(), 'Note: this URL is also that of 12 (site-stream). Name each by its number.');
});

test('a URL that one source has is found, with and without its last slash', async (t) => {
  const { run, deleted } = await images(t);
  assert.equal((await run('sources', 'remove', 'http://other.example')).result, 0);
  assert.deepEqual(deleted, ['/MAAS/api/2.0/boot-sources/15/']);
});

test('a changed source or selection is confirmed in sentences that name the command to see it', async (t) => {
  const { run } = await images(t);
  const source = await run('sources', 'set', '14', '--keyring', SHIPPED);
  assert.match(source.text, /is changed; .*images sources list --config \S+`/m);
  const { text } = await run('selections', 'set', '14', 'ubuntu/noble', '--arches', 'amd64');
  assert.match(text, /is changed; .*images selections list --config \S+ 14`/m);
});

test('a file that is missing, has no keys or is far too large is refused as the keys of a source', async (t) => {
  const { run } = await images(t);
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-keys-'));
  t.after(() => rmSync(scratch, { recursive: true }));
  const large = join(scratch, 'site.img');
  writeFileSync(large, 'disk');
  truncateSync(large, 961 * 1024 * 1024);
  const none = join(scratch, 'notes.txt');
  writeFileSync(none, 'no keys');
  for (const command of [
    ['sources', 'add', 'http://new.example/'],
    ['sources', 'set', OWN.slice(0, -1)],
  ])
    for (const [option, file, why] of [
      ['--keys', large, /site\.img has more than 256\.0 KiB, the maximum: name another file/],
      ['--keys', none, /notes\.txt has no OpenPGP keys/],
      ['--keyring', '/none.gpg', /there is no file \/none\.gpg on this host/],
    ] as const) {
      const { result, complaint } = await run(...command, option, file);
      assert.notEqual(result, 0);
      assert.match(complaint, why);
    }
});
