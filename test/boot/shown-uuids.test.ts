import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShownUuids, UUIDS_MAX } from '../../src/boot/shown-uuids.ts';
import { mac } from '../../src/net/address.ts';

const numbers = Array.from({ length: UUIDS_MAX + 1 }, (_, index) => mac(0x0200_0000_0000 + index));
const KNOWN = mac(0x5254_0000_0001);

test('at most UUIDS_MAX UUIDs of unknown clients are remembered: the oldest goes, and never one of a machine', () => {
  const uuids = new ShownUuids();
  uuids.remember(KNOWN, 'of a machine', { rank: 'machine', share: 'of a machine' });
  for (const one of numbers) uuids.remember(one, `of ${one}`, { rank: 'stranger', share: 'eth0' });
  const [first, ...others] = numbers;
  assert.equal(first === undefined ? first : uuids.find(first), undefined);
  assert.equal(others.filter((one) => uuids.find(one) === `of ${one}`).length, UUIDS_MAX);
  assert.equal(uuids.find(KNOWN), 'of a machine');
});
