// A rack's texts about itself and its machines come from another host, so they are cleaned before they are stored.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check, parseBatch, parseLinkEntry } from '../../../src/region/racks/rack-news.ts';
import { heartbeat, rackInterfaces } from '../../../src/region/records/heartbeat.ts';
import { HOST_ADDRESSES_MAX } from '../../../src/region/records/heartbeat-bounds.ts';
import { batchOf, heartbeatOf, RACK_UUID, rackInterface, reportEntry } from './rack-place.ts';

const HOSTILE = '\u001b[2J\u009b\u202e';
const SHOWN = '\\x1b[2J\\x9b\\u202e';

test('a heartbeat’s texts are stored cleaned and bounded', () => {
  const settingsRefused = `${HOSTILE}${'x'.repeat(990)}`;
  const checked = check(heartbeat, heartbeatOf({ pinned: [HOSTILE], settingsRefused, life: HOSTILE }));
  assert.ok(checked.ok);
  const { pinned, settingsRefused: kept, life } = checked.value;
  assert.deepEqual([pinned, life, kept?.slice(0, SHOWN.length), kept?.length], [[SHOWN], SHOWN, SHOWN, 1000]);
});

test('the addresses of a host are stored with cleaned names; anything else than an address with its prefix is refused', () => {
  const said = (address: string) => check(heartbeat, heartbeatOf({ addresses: [{ interface: HOSTILE, address }] }));
  const checked = said('10.20.0.1/24');
  assert.ok(checked.ok);
  assert.deepEqual(checked.value.addresses, [{ interface: SHOWN, address: '10.20.0.1/24' }]);
  for (const wrong of ['', '10.20.0.1', '10.20.0.1/33', '10.20.0.1/x', '10.20.0/24', 'x'.repeat(99)])
    assert.ok(!said(wrong).ok, wrong);
  const addresses = Array.from({ length: HOST_ADDRESSES_MAX + 1 }, () => ({
    interface: 'eth0',
    address: '10.0.0.1/8',
  }));
  assert.ok(!check(heartbeat, heartbeatOf({ addresses })).ok);
  assert.ok(check(heartbeat, heartbeatOf({ addresses: addresses.slice(1) })).ok);
});

test('an address of a host may have the hardware address of its interface, and no other text', () => {
  const said = (mac: unknown) =>
    check(heartbeat, heartbeatOf({ addresses: [{ interface: 'eth0', address: '10.20.0.1/24', mac }] }));
  const checked = said('52:54:00:00:00:01');
  assert.ok(checked.ok);
  assert.equal(checked.value.addresses?.[0]?.mac, '52:54:00:00:00:01');
  for (const wrong of ['', HOSTILE, '52:54:00:00:00', 7]) assert.ok(!said(wrong).ok, String(wrong));
});

test('the name of an interface is stored cleaned', () => {
  const checked = check(rackInterfaces, [{ ...rackInterface(), interface: HOSTILE }]);
  assert.ok(checked.ok);
  assert.equal(checked.value[0]?.interface, SHOWN);
});

test('a report’s kind and text are stored cleaned', () => {
  const batch = parseBatch(RACK_UUID, batchOf([reportEntry(1, HOSTILE, { kind: HOSTILE })]));
  assert.ok(batch.ok);
  const [entry] = batch.value.entries.map(parseLinkEntry);
  assert.ok(entry?.kind === 'report');
  assert.deepEqual([entry.report.kind, entry.report.text], [SHOWN, SHOWN]);
});
