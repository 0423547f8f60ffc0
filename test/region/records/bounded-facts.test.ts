// A machine's stored facts are bounded in total, for any report and any time of storage.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machineJson } from '../../../src/region/api/json/machine-json.ts';
import { readPlacement } from '../../../src/region/life/machine-placement.ts';
import { DISKS_KEPT_MAX, FACTS_BYTES_MAX } from '../../../src/region/records/bounded-facts.ts';
import {
  boundFacts,
  DISKS_MAX,
  type HardwareFacts,
  NICS_MAX,
  parseHardwareFacts,
} from '../../../src/region/records/hardware-facts.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { report, withRegion } from '../place.ts';

const ODD = '<&"\u00e9'.repeat(32);
/** As many values as a machine may report: they are within the bound of a body. */
const LARGEST = {
  version: 1,
  nics: Array.from({ length: NICS_MAX }, () => ({
    name: ODD,
    mac: '52:54:00:aa:00:01',
    driver: ODD,
    carrier: '1',
    operstate: ODD,
    speed: 1,
    ids: ODD,
    bus: ODD,
  })),
  disks: Array.from({ length: DISKS_MAX }, (_, place) => ({
    name: `d${place}${ODD.slice(0, 120)}`,
    bytes: place,
    model: ODD,
    serial: `${place}${ODD.slice(0, 100)}`,
    bus: ODD,
    firmware: ODD,
    rotational: 1,
    block_size: 512,
    of_a_later_agent: ['x', 'x'],
  })),
  boot_mac: ODD,
  cpu: { count: 64, model: ODD },
  memory_mib: 1,
  kernel: ODD,
  virtualization: ODD,
  uefi: '1',
  dmi: Object.fromEntries([
    ...['vendor', 'product', 'version', 'family', 'sku', 'serial', 'board_vendor', 'board_name', 'bios_vendor'].map(
      (key) => [key, ODD],
    ),
    ...Array.from({ length: 31 }, (_, index) => [`field${index}`, 'x']),
  ]),
};
/** The whole answer for one machine, in bytes. */
const SHOWN_BYTES = 224 * 1024;

function parsed(value: unknown) {
  const result = parseHardwareFacts(JSON.stringify(value));
  if (result.kind === 'fault') throw new Error(JSON.stringify(result.problems));
  return result;
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

test('the facts of a large server are stored completely', () => {
  const server: HardwareFacts = {
    ...parsed({
      version: 1,
      nics: Array.from({ length: 8 }, (_, place) => ({
        name: `enp${place}s0f0np0`,
        mac: `52:54:00:aa:00:0${place}`,
        driver: 'mlx5_core',
        speed: 100_000,
        ids: '15b3:1017',
        bus: 'pci',
      })),
      disks: Array.from({ length: 24 }, (_, place) => ({
        name: `nvme${place}n1`,
        bytes: 3_840_755_982_336,
        model: 'SAMSUNG MZQL23T8HCLS-00A07',
        serial: `S64HNE0T${100_000 + place}`,
        bus: 'nvme',
        firmware: 'GDC5602Q',
        block_size: 512,
      })),
    }).value,
    memory_banks: Array.from({ length: 96 }, (_, place) => ({
      locator: `P${place % 8}-DIMM${place}`,
      bank: `P0_Node${place % 8}_Channel0_Dimm0`,
      size_mib: 65_536,
      type: 'DDR5',
      form: 'DIMM',
      speed: 4800,
      manufacturer: 'Samsung',
      part: 'M321R8GA0BB0-CQKET',
      serial: `80CE0122${100_000 + place}`,
    })),
  };
  assert.deepEqual(boundFacts(server), { facts: server, leftOut: [] });
});

test('a machine’s timeline names the facts that were not stored, and its API answer is small', () =>
  withRegion(async ({ region, store }) => {
    const { value: facts, leftOut } = parsed(LARGEST);
    const macs = Array.from({ length: NICS_MAX }, (_, place) => 0x525400000000 + place);
    const outcome = await region.enlist(report(macs, { facts, leftOut }));
    assert.ok(outcome.kind === 'create');
    const where = readPlacement(region);
    const shown = bytesOf(machineJson(outcome.machine, where, 0));
    assert.ok(shown <= SHOWN_BYTES, `${shown} bytes`);
    const texts = (await store.listEvents({ limit: 10 })).map(sentenceOf);
    assert.ok(
      texts.some((text) => text.includes('too large to store, without the last ')),
      texts.join('\n'),
    );
  }));

test('many small disks are cut by their number', () => {
  const { value, leftOut } = parsed({ version: 1, disks: Array.from({ length: DISKS_MAX }, () => ({ bytes: 1 })) });
  assert.equal(value.disks.length, DISKS_KEPT_MAX);
  assert.deepEqual(leftOut, [{ list: 'disks', left: DISKS_MAX - DISKS_KEPT_MAX, given: DISKS_MAX }]);
});

test('facts beyond the bound keep the first elements of each list, and the rest is counted', () => {
  const { value, leftOut } = parsed(LARGEST);
  assert.ok(bytesOf(value) <= FACTS_BYTES_MAX, `${bytesOf(value)} bytes`);
  assert.ok(bytesOf(value) > FACTS_BYTES_MAX - 2048, 'no more than need be goes');
  assert.ok(value.disks.length > 8 && value.nics.length > 8);
  assert.deepEqual(
    value.disks.map(({ bytes }) => bytes),
    value.disks.map((_, place) => place),
  );
  assert.deepEqual(leftOut, [
    { list: 'disks', left: DISKS_MAX - value.disks.length, given: DISKS_MAX },
    { list: 'nics', left: NICS_MAX - value.nics.length, given: NICS_MAX },
  ]);
});
