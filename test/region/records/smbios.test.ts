// The firmware's structure table as in DSP0134: whole, truncated at each byte, and random.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHardwareFacts } from '../../../src/region/records/hardware-facts.ts';
import { decodeSmbios, MEMORY_BANKS_MAX, SMBIOS_BYTES_MAX } from '../../../src/region/records/smbios.ts';
import { printedRandom } from '../../support/printed-random.ts';

/** A structure of a type, its formatted bytes by offset, and its strings. */
function structure(
  type: number,
  length: number,
  fields: Readonly<Record<number, readonly [value: number, bytes: 1 | 2 | 4]>>,
  strings: readonly string[] = [],
): Buffer {
  const formatted = Buffer.alloc(length);
  formatted[0] = type;
  formatted[1] = length;
  for (const [offset, [value, bytes]] of Object.entries(fields)) formatted.writeUIntLE(value, Number(offset), bytes);
  const text = strings.length === 0 ? '\0' : strings.map((one) => `${one}\0`).join('');
  return Buffer.concat([formatted, Buffer.from(`${text}\0`, 'latin1')]);
}

const END = structure(127, 4, {});
const MODULE = {
  12: [16_384, 2],
  14: [9, 1],
  16: [1, 1],
  17: [2, 1],
  18: [26, 1],
  21: [3200, 2],
  23: [3, 1],
  24: [4, 1],
  26: [5, 1],
  32: [2933, 2],
} as const;
const STRINGS = ['DIMM A1', 'P0 CHANNEL A', 'Maker', 'S1', 'PART-1  '];
const TABLE = Buffer.concat([
  structure(0, 24, { 4: [1, 1] }, ['Some BIOS']),
  structure(
    4,
    48,
    {
      4: [1, 1],
      5: [3, 1],
      7: [2, 1],
      16: [3, 1],
      20: [4000, 2],
      22: [2200, 2],
      24: [0x41, 1],
      35: [255, 1],
      37: [255, 1],
      42: [384, 2],
      46: [768, 2],
    },
    ['CPU1', 'Maker', 'Fast CPU @ 2.20GHz'],
  ),
  structure(4, 48, { 5: [3, 1], 24: [0, 1] }),
  structure(16, 23, { 5: [3, 1], 7: [0x8000_0000, 4], 13: [16, 2], 19: [256, 4] }),
  structure(17, 40, MODULE, STRINGS),
  structure(17, 40, { 12: [0, 2] }, ['DIMM A2']),
  structure(17, 40, { 12: [0xffff, 2] }),
  structure(17, 40, { 12: [0x7fff, 2], 28: [131_072, 4] }),
  structure(17, 21, { 12: [0x8000 | 2048, 2], 16: [1, 1] }, ['Not Specified']),
  structure(38, 18, { 4: [1, 1], 5: [0x20, 1] }),
  END,
  structure(17, 40, MODULE, STRINGS),
]);

test('processors, memory and the BMC are decoded from the table', () => {
  const { processors, memory_banks: banks, ...rest } = decodeSmbios(TABLE);
  assert.deepEqual(processors, [
    {
      socket: 'CPU1',
      manufacturer: 'Maker',
      version: 'Fast CPU @ 2.20GHz',
      speed: 2200,
      max_speed: 4000,
      cores: 384,
      threads: 768,
    },
  ]);
  assert.deepEqual(banks[0], {
    locator: 'DIMM A1',
    bank: 'P0 CHANNEL A',
    size_mib: 16_384,
    type: 'DDR4',
    form: 'DIMM',
    speed: 2933,
    manufacturer: 'Maker',
    part: 'PART-1',
    serial: 'S1',
  });
  assert.deepEqual(
    banks.map(({ size_mib: size }) => size),
    [16_384, 131_072, 2],
    'bytes after the end are not read',
  );
  assert.equal(banks[2]?.locator, '', 'an unspecified locator is unknown');
  assert.deepEqual(rest, { memory_slots: 16, memory_max_mib: 2 ** 20, bmc: { interface: 'KCS', version: '2.0' } });
});

test('a truncated or endless table gives its complete structures', () => {
  const whole = decodeSmbios(TABLE);
  for (let length = 0; length < TABLE.length; length += 1) {
    const { memory_banks: banks } = decodeSmbios(TABLE.subarray(0, length));
    assert.deepEqual(banks, whole.memory_banks.slice(0, banks.length), `${length} bytes`);
  }
  const many = Buffer.concat(Array(2000).fill(structure(17, 40, MODULE, STRINGS)));
  assert.equal(decodeSmbios(many).memory_banks.length, MEMORY_BANKS_MAX);
  assert.ok(many.length > SMBIOS_BYTES_MAX);
});

test('random bytes and damaged tables are read without an exception and within the bounds', () => {
  const random = printedRandom('smbios');
  for (let round = 0; round < 3000; round += 1) {
    const bytes = Buffer.from(TABLE);
    for (let count = 0; count < 1 + (round % 20); count += 1) bytes[random(bytes.length)] = random(256);
    const { memory_banks: banks, processors } = decodeSmbios(bytes);
    for (const bank of banks) assert.ok(bank.size_mib > 0 && bank.size_mib <= 2 ** 30 && bank.locator.length <= 64);
    assert.ok(processors.length <= 64);
  }
});

test('a table in Base64 is stored decoded with the facts; an unreadable one adds nothing', () => {
  const parsed = (smbios: unknown) => parseHardwareFacts(JSON.stringify({ version: 1, smbios, secure_boot: true }));
  const facts = parsed(TABLE.toString('base64'));
  assert.ok(facts.kind === 'value');
  assert.deepEqual(
    [facts.value.memory_banks?.length, facts.value.memory_slots, facts.value.secure_boot, 'smbios' in facts.value],
    [3, 16, true, false],
  );
  for (const odd of ['', '%%%', 'x'.repeat(100_000), 5, null]) {
    const other = parsed(odd);
    assert.ok(other.kind === 'value' && (other.value.memory_banks ?? []).length === 0, String(odd).slice(0, 9));
  }
});
