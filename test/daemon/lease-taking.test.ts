// A running rack accepts the output of the readers of lease files: no entry, with any contents, stops the import of the others, and
// a running rack decides like the import into a stopped one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IMPORT_BATCH_MAX, type LeaseRack, makeLeaseAnswers } from '../../src/daemon/answers/lease-answers.ts';
import { judgeBatch } from '../../src/dhcp/import/lease-batch.ts';
import { readLeaseFile } from '../../src/dhcp/import/lease-file.ts';
import type { Lease } from '../../src/dhcp/leases/lease.ts';
import { instant } from '../../src/ground/clock.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { config, labState, MAC_A, subnet } from '../dhcp/lab.ts';
import { ip } from '../support/lab-facts.ts';
import { printedRandom } from '../support/printed-random.ts';

const WALL = Date.UTC(2026, 10, 20, 12);
const NOW = instant(5_000_000);
const ROUNDS = 60;
const ENTRIES = 20;

/** Imports leases into a running rack, as the command does. @returns its answer, and the imported leases */
async function ask(leases: readonly unknown[]) {
  const state = labState(config(subnet()));
  const adopted: Lease[] = [];
  const rack: LeaseRack = {
    networks: [],
    served: [],
    machines: new MachineDirectory([]),
    leases: () => [],
    findLease: () => undefined,
    leaseCommands: {
      getImportFacts: () => state,
      adopt: async (taken) => void adopted.push(...taken),
      end: () => assert.fail(),
      clear: () => assert.fail(),
    },
  };
  const answers = makeLeaseAnswers({ rack: () => rack, clock: { now: () => NOW, wallTimeMs: () => WALL } });
  const body = async (): Promise<string> => JSON.stringify({ dryRun: false, leases });
  return { answer: await answers['POST /leases/import']?.({ query: new URLSearchParams(), body }), adopted };
}

type Random = (n: number) => number;

/** A text as a hostile client or a damaged disk leaves it in a file: any one-byte characters, or very long. */
function oddText(random: Random): string {
  const length = [0, 1, 7, 63, 255, 256, 1023, 1100, 30_000][random(9)] ?? 0;
  const char = (): string => String.fromCharCode(random(4) === 0 ? random(256) : 0x61 + random(26));
  return length > 100 ? char().repeat(length) : Array.from({ length }, char).join('');
}

const oddNumber = (random: Random): string =>
  ['0', '1', '59', String(WALL / 1000), '4294967295', '99999999999', '999999999999', '-1', '1e99', ''][random(10)] ??
  '';
const octets = (text: string): string => Buffer.from(text, 'latin1').toString('hex').match(/../g)?.join(':') ?? '*';
const oddDate = (random: Random): string =>
  [
    '4 1969/12/31 23:00:00',
    '1 0000/01/01 00:00:00',
    '5 9999/12/31 23:59:60',
    '5 2026/11/20 11:50:00',
    `epoch ${oddNumber(random)}`,
    'never',
  ][random(6)] ?? '';
const hardware = (at: number): string => `52:54:00:aa:00:${at.toString(16).padStart(2, '0')}`;
const quoted = (text: string): string =>
  `"${text.replace(/[^ !#-[\]-~]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`)}"`;
const maybe = (random: Random, text: string): string => (random(3) === 0 ? '' : text);

/** The formats that can hold every odd field. */
type OddFormat = 'isc' | 'dnsmasq' | 'kea';

/** One entry in each format, with occasional odd fields. */
const ENTRY: Readonly<Record<OddFormat, (random: Random, at: number) => string>> = {
  isc: (random, at) =>
    [
      `lease 10.20.0.${at} {`,
      ...['starts', 'cltt', 'ends'].map((name) => maybe(random, ` ${name} ${oddDate(random)};`)),
      maybe(random, ` binding state ${['active', 'free', 'abandoned', 'expired'][random(4)]};`),
      maybe(random, ` hardware ethernet ${hardware(at)};`),
      maybe(random, ` uid ${quoted(oddText(random))};`),
      maybe(random, ` client-hostname ${quoted(oddText(random))};`),
      maybe(random, ` set vendor-class-identifier = ${quoted(oddText(random))};`),
      maybe(random, ` option agent.circuit-id ${quoted(oddText(random))};`),
      maybe(random, ` option agent.remote-id ${octets(oddText(random))};`),
      '}',
    ].join('\n'),
  dnsmasq: (random, at) => {
    const name = oddText(random).replace(/[\s]/g, '') || '*';
    return `${oddNumber(random)} ${hardware(at)} 10.20.0.${at} ${name} ${octets(oddText(random))}`;
  },
  kea: (random, at) => {
    const id = maybe(random, octets(oddText(random)));
    const info = Buffer.from(oddText(random).slice(0, 600), 'latin1').toString('hex');
    const context = maybe(random, `{ "ISC": { "relay-agent-info": "0x01ff${info}" } }`);
    const times = `${oddNumber(random)},${oddNumber(random)}`;
    return `10.20.0.${at},${hardware(at)},${id},${times},1,0,0,${oddText(random).replace(/[\s,]/g, '')},${random(4)},${context}`;
  },
};
const HEADER: Readonly<Partial<Record<OddFormat, string>>> = {
  kea: 'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n',
};

const FORMATS: readonly OddFormat[] = ['isc', 'dnsmasq', 'kea'];

for (const format of FORMATS) {
  test(`${format}: a running rack and a stopped one judge its entries alike`, async () => {
    const random = printedRandom(`lease-taking ${format}`);
    let taken = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const entries = Array.from({ length: ENTRIES }, (_, at) => ENTRY[format](random, 100 + at));
      const lines = `${HEADER[format] ?? ''}${entries.join('\n')}`.split('\n');
      const leases = [...readLeaseFile(format, lines, WALL)].flatMap((entry) =>
        entry.kind === 'lease' ? [entry.lease] : [],
      );
      const expected = judgeBatch(leases, labState(config(subnet())), { now: NOW, wallMs: WALL });
      const { answer, adopted } = await ask(leases);
      assert.deepEqual(answer, { taken: expected.taken.length, left: expected.left }, lines.join('\n'));
      assert.deepEqual(adopted, expected.taken);
      taken += adopted.length;
    }
    assert.ok(taken > ROUNDS, `${taken} of ${ROUNDS * ENTRIES} were taken: the others show nothing`);
  });
}

const LEASE = { line: 7, address: ip('10.20.0.100'), mac: MAC_A, state: 'bound' } as const;

test('an unreadable entry is reported with its line, and the others are imported', async () => {
  const odd: readonly object[] = [
    { ...LEASE, line: 8, state: 'kept' },
    { ...LEASE, line: 9, vendorClass: 'v'.repeat(1100) },
    { ...LEASE, line: 10, grantedWallMs: -3_600_000 },
    { ...LEASE, line: 11, mood: 'new in a later version' },
    { line: 12 },
  ];
  const { answer, adopted } = await ask([...odd.slice(0, 3), LEASE, ...odd.slice(3)]);
  const left = [8, 9, 10, 11, 12].map((line) => ({ line, reason: 'entry-unreadable' }));
  assert.deepEqual(answer, { taken: 1, left });
  assert.deepEqual(
    adopted.map(({ address }) => address),
    [LEASE.address],
  );
});

test('an invalid batch is refused completely', async () => {
  for (const batch of [['lease'], [{ ...LEASE, line: -1 }], Array(IMPORT_BATCH_MAX + 1).fill(LEASE)])
    await assert.rejects(ask(batch), { code: 'bad-argument' });
});
