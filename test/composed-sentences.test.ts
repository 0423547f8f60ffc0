// Sentences are composed in the words alone: elsewhere a code and its parameters travel, and a sentence is made where it is shown.

import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { before, test } from 'node:test';
import { type ComposedSentence, findComposedSentences } from './support/composed-sentences.ts';
import { writeTypedSample } from './support/typed-sample.ts';
import { shareProduct } from './support/typed-source.ts';

shareProduct();

/** The rooms of words: `region/words`, and the files of sentences of other rooms, by code as well. */
const isWords = (path: string): boolean => path.startsWith('region/words/') || basename(path).endsWith('-words.ts');

/** Rooms and files that compose sentences, each with the reason; a path that ends in `/` is that of a room. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  // Rooms and files that show their own sentences.
  'cli/': 'commands print for a person',
  'doctor/': 'its findings are printed by the command',
  'lab/': 'the lab prints for a person',
  'capture/': 'descriptions of datagrams, which commands print',
  'main.ts': 'prints an error',
  'region/networks/reconcile.ts': 'the description that MAAS stores with a new network, which a person may change',
  'observe/log.ts': 'prints what the log itself cannot say',
  'boot/asset.ts': "on the machine's screen",
  'boot/decision.ts': "on the machine's screen",
  'boot/grub.ts': "the loader's script, and texts on the machine's screen",
  'boot/ipxe.ts': "texts on the machine's screen",
  'http/boot-requests.ts': 'an answer for a person at a loader',
  'http/control/requests.ts': 'an answer for the person at the command line',
  'daemon/rack/status-line.ts': 'the line for the service manager',
  'daemon/start/shutdown.ts': 'the line for the service manager',
  'region-process/status.ts': 'the line for the service manager',
  'observe/event-text.ts': 'of an event without a sentence, its message and its fields',
  // Texts of errors, of problems with a configuration and with a file, each at its place there.
  'config/': 'problems of a configuration',
  'dhcp/wire/': 'problems of configured options',
  'dhcp/import/isc.ts': "problems of dhcpd's file, which the command prints",
  'dhcp/leases/lease-report.ts': 'problems of the criteria of a command',
  'images/': 'errors of images, and the progress of commands',
  'files/': 'parts of errors: what a person can do about a file',
  'boot/step.ts': 'an error',
  'net/port-owner.ts': 'part of an error',
  'daemon/answers/log-level.ts': 'part of an error',
  'yaml-parser.ts': "faults of an operator's file, by line",
  'store/copying/': 'errors of a copy, with the row',
  'store/leases/lease-worker.ts': 'an error that crosses threads',
  'store/leases/lease-worker-start.ts': 'part of an error',
  // No sentences of ours.
  'region/records/lshw.ts': 'a document of lshw',
  'region/layout/ifupdown.ts': 'a file of ifupdown',
  'region/layout/netplan.ts': 'a file of netplan',
  'region/api/json/disk-json.ts': "MAAS's texts of the use of a disk, which clients compare",
  'counted.ts': 'a list of names',
  'nearest-name.ts': 'a hint, for an error',
  'store/operations/region-machine-reads.ts': 'conditions of SQL',
  'store/postgres/postgres-rates.ts': 'a term of SQL',
  'region/accounts/password-limits.ts': 'names of shared counters',
  'region/accounts/passwords.ts': 'names of shared counters',
  'region/racks/newcomers.ts': 'names of shared counters',
  'region/api/scripts/script-operations.ts': "the API's document",
  'region/api/areas/area-operations.ts': "the API's document",
  'region/http/description.ts': "the API's document",
};

const exceptionOf = (path: string): string | undefined =>
  Object.keys(EXCEPTIONS).find((one) => (one.endsWith('/') ? path.startsWith(one) : path === one));

let found: readonly ComposedSentence[] = [];
before(() => {
  found = findComposedSentences(isWords);
});

test('no sentence is composed outside the words, with reviewed exceptions', () => {
  const problems = found
    .filter(({ path }) => exceptionOf(path) === undefined)
    .map(({ path, line, text }) => `${path}:${line}: ${text.slice(0, 160)}`);
  assert.deepEqual(
    problems,
    [],
    'let a code and its parameters travel, and write the sentence in src/region/words/en or in a file of words of the room',
  );
});

test('every exception is still needed', () => {
  const needed = new Set(found.map(({ path }) => exceptionOf(path)));
  assert.deepEqual(
    Object.keys(EXCEPTIONS).filter((one) => !needed.has(one)),
    [],
  );
});

test('a composed sentence is found wherever it is made; errors, markup, commands, SQL and single words are not', () => {
  const sentences = [
    'export const a = `the disk of @{host} is full`;',
    "export const b = 'the disk of ' + host + ' is full';",
    "export const c = (n: number) => (n > 1 ? `@{n} disks are full` : 'one');",
    'export const d = { kind: `x`, reason: `@{host} has gone away` };',
    'export const e = `no @{host} here`;',
  ];
  const others = [
    'export const v = () => { throw new TypeError(`the disk of @{host} is full`); };',
    'const why = `the disk of @{host} is full`; export const w = new TypeError(why);',
    'export const x = [`rack @{host}`, `sudo rackboot racks accept @{host}`, `@{host}/leases.db`];',
    "export const y = `SELECT name FROM machine WHERE id = @{host}`; export const z = 'the disk is ' + 'full';",
    'export const markup = html`<p>the disk of @{host} is full</p>`;',
  ];
  const head = "const host = 'host-1'; const html = (t: TemplateStringsArray, ...a: unknown[]) => [t, a];";
  const sample = writeTypedSample({ 'a.ts': [head, ...sentences, ...others].join('\n').replaceAll('@{', '${') });
  try {
    assert.deepEqual(
      findComposedSentences(() => false, sample).map(({ path, line }) => `${path}:${line}`),
      sentences.map((_, index) => `a.ts:${index + 2}`),
    );
  } finally {
    sample.remove();
  }
});
