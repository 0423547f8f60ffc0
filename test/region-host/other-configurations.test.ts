// Processes of a region tell each other the digests of their configurations.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readConfigFile } from '../../src/config/config-file.ts';
import { digestValues } from '../../src/config/difference.ts';
import { resolveRegionFile } from '../../src/config/region-file.ts';
import { newUuid, systemClock } from '../../src/ground/clock.ts';
import { NO_SETTINGS } from '../../src/machines/settings.ts';
import { noteText, type RackNote } from '../../src/region/reports/notes.ts';
import { RegionConfiguration } from '../../src/region-host/configuration.ts';
import { buildOwnAnnouncement, OtherConfigurations } from '../../src/region-host/other-configurations.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const SAY_MS = 20_000;
// The bound, written out: raising it fails a test here.
const OTHERS_MAX = 32;

/** The digests of a file with these lines. */
function digestsOf(text: string): Record<string, string> {
  const read = readConfigFile(`state_dir: /s\n${text}`);
  assert.ok(read.ok);
  const parsed = resolveRegionFile(read.file, NO_SETTINGS);
  assert.ok(parsed.ok);
  return Object.fromEntries(digestValues(parsed));
}

const PROXY = 'http://hush.example:3128';
const EQUAL = 'dns: { domain: maas }';

function processes(...files: readonly string[]) {
  const clock = new VirtualClock();
  const hearers: ((text: string) => void)[] = [];
  const said: string[] = [];
  const texts = [...files];
  /** The names in the files; default: those of the hosts. */
  const names: string[] = [];
  const all = files.map((_, index) => {
    const reported: RackNote[] = [];
    const neighbours = {
      announce: () => undefined,
      listen: () => undefined,
      say: (text: string) => {
        said.push(text);
        for (const hear of hearers) hear(text);
      },
      hear: (onSaid: (text: string) => void) => void hearers.push(onSaid),
    };
    const own = () => ({
      name: names[index] ?? `host-${index}`,
      where: `host-${index}, 10.20.0.${index}:5240`,
      version: '1',
      digests: digestsOf(texts[index] ?? ''),
    });
    const one = new OtherConfigurations({
      clock,
      neighbours,
      id: newUuid(),
      getOwn: own,
      onFault: (note) => reported.push(note),
    });
    return { one, reported };
  });
  for (const { one } of all) one.announce();
  return { clock, all, said, texts, names, hearers };
}

describe('the configurations of two processes', () => {
  for (const [title, one, other] of [
    ['with the same values', EQUAL, `dns:\n  domain: "maas"`],
    ['that differ in what belongs to one process', 'name: a', 'name: b\nmetrics: { listen: ["127.0.0.1:5251"] }'],
    [
      'that differ in addresses and paths',
      'region: { listen: ["127.0.0.1:1"] }',
      'region: { listen: ["127.0.0.1:2"], store: { kind: postgresql, url: "postgresql://db/r", ca_file: /c } }\npreseeds: { directory: /p }',
    ],
  ] as const)
    test(`${title} are equal`, () => {
      const { clock, all } = processes(one, other);
      clock.advance(3 * SAY_MS);
      assert.deepEqual(
        all.map(({ one: { notes }, reported }) => [notes, reported]),
        [
          [[], []],
          [[], []],
        ],
      );
    });

  test('that differ are reported once at each, with the name of the other and the keys, until they are equal', () => {
    const { clock, all, said, texts } = processes(EQUAL, `dns: { domain: other }\nhttp_proxy: ${PROXY}`);
    assert.deepEqual(
      all.map(({ reported }) => reported),
      [[], []],
      'one message may come between two changes',
    );
    clock.advance(4 * SAY_MS);
    const notes = ['host-1', 'host-0'].map((name) => ({
      note: 'configurations-differ',
      name,
      setting: 'dns.domain http_proxy',
      more: 0,
    }));
    assert.deepEqual(
      all.map(({ reported }) => reported),
      notes.map((note) => [note]),
    );
    assert.deepEqual(
      all.map(({ one }) => one.notes),
      notes.map((note) => [note]),
    );
    assert.match(
      noteText({ note: 'configurations-differ', name: 'host-1', setting: 'dns.domain http_proxy', more: 2 }),
      /^the process host-1 .*dns\.domain, http_proxy and 2 more /,
    );
    assert.doesNotMatch(said.join(), /hush|other|maas/);
    texts[1] = EQUAL;
    clock.advance(SAY_MS);
    assert.deepEqual(all[0]?.one.notes, []);
  });

  test('with the same name are reported once at each, with the place of the other and the remedy, until one has another name', () => {
    const { clock, all, names } = processes(EQUAL, EQUAL, EQUAL);
    names.push('hall', 'hall');
    clock.advance(SAY_MS);
    assert.deepEqual(
      all.flatMap(({ reported }) => reported),
      [],
      'a name may be changed in one file after the other',
    );
    clock.advance(4 * SAY_MS);
    const notes = [1, 0].map((index) => ({
      note: 'name-shared',
      name: 'hall',
      where: `host-${index}, 10.20.0.${index}:5240`,
    }));
    assert.deepEqual(
      all.map(({ reported }) => reported),
      [...notes.map((note) => [note]), []],
    );
    assert.deepEqual(
      all.map(({ one }) => one.notes),
      [...notes.map((note) => [note]), []],
    );
    assert.match(
      noteText({ note: 'name-shared', name: 'hall', where: 'host-1, 10.20.0.1:5240' }),
      /the name hall, too: that on host-1, 10\.20\.0\.1:5240\. /,
    );
    names[1] = 'other';
    clock.advance(2 * SAY_MS);
    assert.deepEqual(
      all.map(({ one }) => one.notes),
      [[], [], []],
    );
  });

  test('one that ends no longer counts', () => {
    const { clock, all } = processes(EQUAL, 'dns: { domain: other }');
    clock.advance(SAY_MS);
    assert.equal(all[0]?.one.notes.length, 1);
    all[1]?.one.close();
    clock.advance(4 * SAY_MS);
    assert.deepEqual(all[0]?.one.notes, []);
  });

  test('further processes displace those that were heard longest ago', () => {
    const { clock, all, hearers } = processes(EQUAL);
    const ids = Array.from({ length: OTHERS_MAX + 1 }, () => newUuid());
    for (const round of [1, 2])
      for (const id of round === 1 ? ids : ids.slice(1)) {
        const text = JSON.stringify({ id, name: `host ${id}\u001b`, version: '1', digests: {} });
        for (const hear of hearers) hear(text);
      }
    clock.advance(1);
    assert.equal(all[0]?.one.notes.length, OTHERS_MAX);
    assert.doesNotMatch(JSON.stringify(all[0]?.one.notes), /\\u001b"/);
  });

  test('a message of another form, or of another version, is passed over', () => {
    const { all, hearers } = processes(EQUAL);
    const odd = [
      '',
      'x',
      '[]',
      '{"id":1}',
      JSON.stringify({ id: newUuid(), name: 'b', version: '2', digests: { a: 'b' } }),
    ];
    for (const text of [...odd, ...odd]) for (const hear of hearers) hear(text);
    assert.deepEqual([all[0]?.one.notes, all[0]?.reported], [[], []]);
  });
});

test('a process says the digests of its file alone: another one may not have read the store’s settings yet', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-digests-'));
  try {
    const path = join(directory, 'rackboot.yaml');
    writeFileSync(path, `state_dir: ${directory}\nname: one\n`);
    const configuration = new RegionConfiguration(path);
    const before = buildOwnAnnouncement(configuration, '1');
    const ports = { clock: systemClock, publish: () => undefined, apply: () => Promise.resolve() };
    configuration.begin(ports, { dns: { domain: 'other' } });
    assert.equal(configuration.refusal, undefined);
    assert.equal(configuration.usable.written.dns.domain, 'other');
    assert.deepEqual(buildOwnAnnouncement(configuration, '1'), before);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
