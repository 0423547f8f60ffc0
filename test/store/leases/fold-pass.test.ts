import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { seconds } from '../../../src/ground/clock.ts';
import {
  BLOCK_ADDRESSES,
  FoldPass,
  findBlock,
  PASS_BLOCKS_MAX,
  PASS_BYTES_MAX,
} from '../../../src/store/leases/fold-pass.ts';
import { decodeLeases, LeaseBatch } from '../../../src/store/leases/lease-record.ts';
import { printedRandom } from '../../support/printed-random.ts';

/** Records of these addresses, numbered from `from`; a text makes some longer than others. */
function batch(from: number, addresses: readonly number[]): Uint8Array {
  const all = new LeaseBatch();
  for (const [index, address] of addresses.entries()) {
    all.add(from + index, {
      address: ipv4(address),
      mac: mac(address),
      state: 'bound',
      duration: seconds(600),
      namedBeforeMs: 0,
      grantedWallMs: 1000,
      expiresWallMs: 2000,
      bootId: 'boot',
      uptimeS: 1,
      hostname: 'x'.repeat((from + index) % 7),
    });
  }
  return all.finish();
}

/** Sequences by address, in stored order. */
function sequences(records: Uint8Array): [number, number][] {
  const decoded = decodeLeases(records);
  assert.ok(decoded.ok);
  return decoded.value.map(({ sequence, lease }) => [lease.address, sequence]);
}

function blocksOf(pass: FoldPass): number[] {
  const all: number[] = [];
  for (let block = pass.findNextBlock(); block !== undefined; block = pass.findNextBlock()) all.push(block);
  return all;
}

test('the last address of all has a block, after the first one’s', () => {
  const pass = new FoldPass(0);
  pass.add(2, batch(1, [0xffff_ffff, 0]));
  assert.deepEqual(blocksOf(pass), [0, findBlock(0xffff_ffff)]);
  assert.deepEqual(sequences(pass.merge(findBlock(0xffff_ffff), undefined)), [[0xffff_ffff, 1]]);
});

test('a block holds the newest record of each address, in the order of addresses, whatever order they came in', () => {
  const random = printedRandom('fold-pass');
  const held = new Map<number, Uint8Array>();
  const expected = new Map<number, number>();
  let sequence = 1;
  for (let round = 0; round < 50; round += 1) {
    const pass = new FoldPass(sequence - 1);
    for (let batches = random(5); batches >= 0; batches -= 1) {
      const addresses = Array.from({ length: 1 + random(900) }, () => 1000 + random(5 * BLOCK_ADDRESSES));
      for (const [index, address] of addresses.entries()) expected.set(address, sequence + index);
      const count = pass.add(sequence + addresses.length - 1, batch(sequence, addresses));
      assert.equal(count, addresses.length);
      sequence += addresses.length;
    }
    assert.equal(pass.sequence, sequence - 1);
    for (const block of blocksOf(pass)) held.set(block, pass.merge(block, held.get(block)));
  }
  const found = [...held].sort(([one], [other]) => one - other).flatMap(([, records]) => sequences(records));
  assert.deepEqual(
    found,
    [...expected].sort(([one], [other]) => one - other),
  );
});

test('a pass takes batches up to its bound, or one larger batch alone', () => {
  const pass = new FoldPass(0);
  assert.ok(pass.hasRoom(PASS_BYTES_MAX * 2), 'the first');
  pass.add(1, batch(1, [1]));
  assert.ok(!pass.hasRoom(PASS_BYTES_MAX));
  assert.ok(pass.hasRoom(1000));
  assert.ok(pass.isGathering);
  pass.findNextBlock();
  assert.ok(!pass.isGathering);
});

test('a pass with PASS_BLOCKS_MAX blocks takes no more', () => {
  const pass = new FoldPass(0);
  for (let block = 1; block < PASS_BLOCKS_MAX; block += 1) pass.add(block, batch(block, [block * BLOCK_ADDRESSES]));
  assert.ok(pass.hasRoom(100));
  pass.add(PASS_BLOCKS_MAX, batch(PASS_BLOCKS_MAX, [0]));
  assert.ok(!pass.hasRoom(100));
  assert.equal(blocksOf(pass).length, PASS_BLOCKS_MAX);
});

test('a truncated block is an error', () => {
  const pass = new FoldPass(0);
  pass.add(1, batch(1, [70]));
  assert.throws(() => pass.merge(1, batch(2, [71]).slice(0, -1)), /a truncated block: 1/);
});
