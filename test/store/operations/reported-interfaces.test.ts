// A batch of reports stores the same as its reports one after the other.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { mac } from '../../../src/ground/address.ts';
import { ADDRESS_ENDS, type RackReport } from '../../../src/region/records/machine-event.ts';
import type { RecordedReports, RegionStore } from '../../../src/region/records/store.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { FIELDS } from '../../contract/machines.ts';

const KNOWN = [mac(0x525400000001), mac(0x525400000002)];
/** Few, so that reports concern each other; repeated where that happens seldom. */
const [FIRST, SECOND] = ['52:54:00:00:00:01', '52:54:00:00:00:02'];
const MACS = [FIRST, FIRST, SECOND, SECOND, '52:54:00:00:00:09', undefined, undefined, 'x'];
const ADDRESSES = ['10.20.0.1', '10.20.0.1', '10.20.0.1', '10.20.0.2', undefined, 'x'];
const KINDS = [
  'dhcp.ack',
  'dhcp.ack',
  'dhcp.ack',
  'dhcp.nak',
  'dhcp.offer',
  'tftp.sent',
  'http.rendered',
  ...ADDRESS_ENDS,
];

const report = fc.record({
  kind: fc.constantFrom(...KINDS),
  mac: fc.constantFrom(...MACS),
  address: fc.constantFrom(...ADDRESSES),
  text: fc.constantFrom('x', 'it’s "quoted"'),
  at: fc.integer({ min: 1, max: 1e6 }),
  isElsewhere: fc.constantFrom(undefined, undefined, true),
  isAway: fc.constantFrom(undefined, undefined, true),
});

/** The contents of a store after it has taken these batches, and its answers. */
async function holdAfter(batches: readonly (readonly RackReport[])[]) {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-reported-'));
  const store: RegionStore = openRegionStore({ stateDir });
  try {
    for (const [index, address] of KNOWN.entries()) {
      await store.enlist({ macs: [], values: [], atMs: 1 }, () => ({
        kind: 'create',
        systemId: `m${index}`,
        fields: { ...FIELDS, hostname: `m${index}` },
        events: [],
        interfaces: [{ mac: address, name: '', source: 'vouched' }],
      }));
    }
    const answers: RecordedReports[] = [];
    for (const batch of batches) answers.push(await store.recordReports('source', batch));
    const events = await store.listEvents({ limit: 1000 });
    return {
      interfaces: (await store.listMachines({}, 0, 9)).map(({ interfaces }) => interfaces),
      events,
      sequence: await store.highestSequence('source'),
      added: answers.reduce((sum, { added }) => sum + added, 0),
      booting: new Map(answers.flatMap(({ booting }) => [...booting])),
      started: new Map(answers.flatMap(({ started }) => [...started])),
      leased: new Set(answers.flatMap(({ leased }) => [...leased])),
    };
  } finally {
    await store.close();
    rmSync(stateDir, { recursive: true });
  }
}

test('a batch of reports stores the same as its reports one after the other', { timeout: 120_000 }, () =>
  fc.assert(
    fc.asyncProperty(fc.uniqueArray(report, { selector: ({ at }) => at, maxLength: 12 }), async (drawn) => {
      const reports = drawn.map((one, index): RackReport => ({ ...one, sequence: index + 1 }));
      assert.deepEqual(await holdAfter([reports]), await holdAfter(reports.map((one) => [one])));
    }),
    { numRuns: 40 },
  ),
);

test('the end of a lease counts unless it is that of an older one, and a further lease takes it back', async () => {
  const says = (kind: string, at: number) => ({ kind, at, mac: FIRST, address: ADDRESSES[0], text: 'x', sequence: at });
  const ack = says('dhcp.ack', 100);
  const cases: readonly (readonly [reports: readonly RackReport[], isEnded: true | undefined])[] = [
    [[ack, { ...says('dhcp.release', 50), sequence: 101 }], undefined],
    [[ack, says('dhcp.release', 150)], true],
    [[ack, { ...says('dhcp.release', 150), address: ADDRESSES[3] }], undefined],
    [[ack, says('dhcp.release', 150), says('dhcp.ack', 200)], undefined],
  ];
  for (const [reports, isEnded] of cases) {
    const { interfaces } = await holdAfter([reports]);
    assert.equal(interfaces[0]?.[0]?.isEnded, isEnded, JSON.stringify(reports));
  }
});
