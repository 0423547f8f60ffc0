import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShownSigns, SIGNS_MAX } from '../../src/boot/shown-signs.ts';
import { mac } from '../../src/ground/address.ts';

const numbers = Array.from({ length: SIGNS_MAX + 1 }, (_, index) => mac(0x0200_0000_0000 + index));
const KNOWN = mac(0x5254_0000_0001);

test('at most SIGNS_MAX signs of unknown clients are remembered: the oldest goes, and never one of a machine', () => {
  const signs = new ShownSigns();
  signs.remember(KNOWN, { uuid: 'of a machine' }, { rank: 'machine', share: 'of a machine' });
  for (const one of numbers) signs.remember(one, { uuid: `of ${one}` }, { rank: 'stranger', share: 'eth0' });
  const [first, ...others] = numbers;
  assert.equal(first === undefined ? first : signs.find(first), undefined);
  assert.equal(others.filter((one) => signs.find(one)?.uuid === `of ${one}`).length, SIGNS_MAX);
  assert.equal(signs.find(KNOWN)?.uuid, 'of a machine');
});
