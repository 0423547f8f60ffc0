import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoredLease } from '../../../src/dhcp/leases/stored-lease.ts';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { seconds } from '../../../src/ground/clock.ts';
import {
  decodeLeases,
  findRecordEnd,
  LeaseBatch,
  RECORD_TEXT_MAX,
  readRecordAddress,
} from '../../../src/store/leases/lease-record.ts';
import { printedRandom } from '../../support/printed-random.ts';

const plain: StoredLease = {
  address: ipv4(0x0a14_0064),
  mac: mac(0x5254_0012_3456),
  state: 'bound',
  duration: seconds(600),
  namedBeforeMs: 0,
  grantedWallMs: 1_795_164_429_123,
  expiresWallMs: 1_795_165_029_123,
  bootId: 'a3f1c9de-0000-4000-8000-000000000001',
  uptimeS: 123_456.789,
  hostname: undefined,
  clientId: undefined,
  vendorClass: undefined,
  circuitId: undefined,
  remoteId: undefined,
  identity: undefined,
};
const full: StoredLease = {
  ...plain,
  address: ipv4(0xffff_fffe),
  mac: mac(0xffff_ffff_ffff),
  state: 'declined',
  hostname: 'nœud-1',
  clientId: '\x01\x52\x54\x00\x12\x34\x56',
  vendorClass: 'PXEClient:Arch:00007:UNDI:003000',
  circuitId: '\x00\xff\x80',
  remoteId: '',
  identity: 'client-id',
  bootId: '',
};

function encode(...leases: readonly StoredLease[]): Uint8Array {
  const batch = new LeaseBatch();
  for (const [index, lease] of leases.entries()) batch.add(index + 1, lease);
  return batch.finish();
}

const table: readonly { name: string; lease: StoredLease; expected?: Partial<StoredLease> }[] = [
  { name: 'a lease without texts comes back as it was', lease: plain },
  { name: 'a lease with every text comes back as it was, an empty text as empty', lease: full },
  { name: 'a released lease stays released', lease: { ...plain, state: 'released' } },
  { name: 'a lease that was granted to an identifier stays so', lease: { ...plain, identity: 'client-id' } },
  {
    name: 'times before 1970 become 1970',
    lease: { ...plain, grantedWallMs: -5, expiresWallMs: -1, uptimeS: -3 },
    expected: { grantedWallMs: 0, expiresWallMs: 0, uptimeS: 0 },
  },
  {
    name: 'times beyond 48 bits become the largest',
    lease: { ...plain, expiresWallMs: 1e300 },
    expected: { expiresWallMs: 2 ** 48 - 1 },
  },
  {
    name: 'an infinite duration is kept',
    lease: { ...plain, duration: seconds(0xffffffff) },
  },
  {
    name: 'a text beyond the bound is truncated',
    lease: { ...plain, circuitId: 'x'.repeat(RECORD_TEXT_MAX + 1) },
    expected: { circuitId: 'x'.repeat(RECORD_TEXT_MAX) },
  },
  {
    name: 'a name beyond the bound is truncated between characters',
    lease: { ...plain, hostname: `x${'é'.repeat(RECORD_TEXT_MAX)}` },
    expected: { hostname: `x${'é'.repeat(RECORD_TEXT_MAX / 2 - 1)}` },
  },
];

for (const { name, lease, expected } of table) {
  test(name, () => {
    const got = decodeLeases(encode(lease));
    assert.deepEqual(got, { ok: true, value: [{ sequence: 1, lease: { ...lease, ...expected } }] });
  });
}

test('a growing batch keeps order and sequences', () => {
  const batch = new LeaseBatch();
  for (let sequence = 1; sequence <= 2000; sequence += 1) batch.add(sequence, { ...full, address: ipv4(sequence) });
  assert.equal(batch.records, 2000);
  assert.equal(batch.lastSequence, 2000);
  const got = decodeLeases(batch.finish());
  assert.ok(got.ok);
  assert.equal(got.value.length, 2000);
  for (const [index, { sequence, lease }] of got.value.entries()) {
    assert.equal(sequence, index + 1);
    assert.equal(lease.address, index + 1);
  }
});

test('a batch in reused memory holds only its own records, even after it has grown', () => {
  const first = new LeaseBatch();
  for (let sequence = 1; sequence <= 50; sequence += 1) first.add(sequence, full);
  const memory = first.finish().buffer;
  for (const records of [1, 4000]) {
    const fresh = new LeaseBatch();
    const again = new LeaseBatch(memory);
    for (let sequence = 1; sequence <= records; sequence += 1) {
      fresh.add(sequence, plain);
      again.add(sequence, plain);
    }
    assert.deepEqual(again.finish(), fresh.finish());
  }
});

test('an empty batch holds no records', () => {
  assert.deepEqual(decodeLeases(new Uint8Array(0)), { ok: true, value: [] });
});

test('a record truncated at any byte is a fault, never a lease', () => {
  const bytes = encode(full);
  for (let length = 1; length < bytes.length; length += 1) {
    assert.equal(decodeLeases(bytes.subarray(0, length)).ok, false, `cut at ${length}`);
  }
});

test('trailing bytes are a fault', () => {
  const bytes = encode(plain);
  assert.equal(decodeLeases(Buffer.concat([bytes, Buffer.from([0])])).ok, false);
});

test('the end and address of a record are found without decoding it', () => {
  const leases = [plain, full, { ...plain, hostname: 'x'.repeat(RECORD_TEXT_MAX) }, plain];
  const bytes = Buffer.from(encode(...leases));
  let at = 0;
  for (const { address } of leases) {
    assert.equal(readRecordAddress(bytes, at), address);
    const end = findRecordEnd(bytes, at);
    assert.ok(end !== undefined);
    for (let length = at; length < end; length += 1)
      assert.equal(findRecordEnd(bytes.subarray(0, length), at), undefined);
    at = end;
  }
  assert.equal(at, bytes.length);
});

test('an unknown state is a fault at its byte', () => {
  const bytes = encode(plain);
  bytes[16] = 3;
  const got = decodeLeases(bytes);
  assert.ok(!got.ok);
  assert.deepEqual(got.fault, { code: 'bad-value', offset: 16, field: 'state' });
});

/** Of one record: its numbers, and the lengths of six absent texts. */
const FEWEST_BYTES = 45 + 6 * 2;

test('random bytes never throw: they are records that fit into them, or a fault within them', () => {
  const random = printedRandom('lease-record');
  for (let round = 0; round < 5000; round += 1) {
    const bytes = Uint8Array.from({ length: random(200) }, () => random(256));
    const got = decodeLeases(bytes);
    if (!got.ok) assert.ok(got.fault.offset >= 0 && got.fault.offset <= bytes.length, `${got.fault.offset}`);
    else assert.ok(got.value.length * FEWEST_BYTES <= bytes.length, `${got.value.length} of ${bytes.length} bytes`);
  }
});
