// The questions of `rackboot doctor` are answered like those of machines, but hold no address and count as nobody.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../src/ground/address.ts';
import { probeMac } from '../../src/ground/own-probes.ts';
import { config, MAC_A } from './lab.ts';
import { rig } from './responder-rig.ts';

const HOLDERS = Array.from({ length: 9 }, (_, index) => mac(0x5254_0000_0100 + index));

test('an offer to a probe takes nothing from the range, not even for a moment', () => {
  const { responder, say } = rig(config());
  for (const architecture of [0, 7, 16, 11])
    assert.match(say({ type: 'discover', mac: probeMac(architecture) }), /^offer /);
  const [range] = responder.bounds.ranges();
  assert.equal(range?.offered, 0);
  assert.equal(range?.free, range?.usable);
  const { offers, events } = responder.counters();
  assert.deepEqual([offers, events['dhcp.offer']], [0, 0]);
  assert.match(say({ type: 'discover', mac: MAC_A }), /^offer /);
  assert.equal(responder.counters().events['dhcp.offer'], 1, 'a machine counts');
});

test('a machine gets the last address of a range at once, although a probe was offered it', () => {
  const { lease, say } = rig(config());
  for (const holder of HOLDERS) lease(holder);
  const last = say({ type: 'discover', mac: probeMac(0) });
  assert.match(last, /^offer /);
  assert.equal(say({ type: 'discover', mac: MAC_A }), last);
});
