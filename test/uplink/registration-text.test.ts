// A rack's registration fits the bound for strangers, however many networks the rack has.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STRANGERS_INTERFACES_LENGTH_MAX } from '../../src/region/racks/introductions.ts';
import { check } from '../../src/region/racks/rack-news.ts';
import { rackInterfaces } from '../../src/region/records/heartbeat.ts';
import { RACK_INTERFACES_MAX, RESERVATIONS_REPORTED_MAX } from '../../src/region/records/heartbeat-bounds.ts';
import { composeRegistrationText } from '../../src/uplink/region-link.ts';
import { rackInterface } from '../region/racks/rack-place.ts';

test('a registration omits the reservations of interfaces', () => {
  const reservations = Array.from({ length: RESERVATIONS_REPORTED_MAX }, () => ({ mac: '52:54:00:00:00:01', ip: '' }));
  const text = composeRegistrationText([{ ...rackInterface(), reservations }]);
  assert.deepEqual(JSON.parse(text), [rackInterface()]);
});

test('a registration with RACK_INTERFACES_MAX networks has only what a region needs, and the region can read it', () => {
  const many = Array.from({ length: RACK_INTERFACES_MAX }, (_, index) => ({
    ...rackInterface(`10.${index}.0.0/24`),
    name: `vlan${1000 + index}`,
  }));
  const text = composeRegistrationText(many);
  assert.ok(text.length <= STRANGERS_INTERFACES_LENGTH_MAX, `${text.length}`);
  const read = check(rackInterfaces, JSON.parse(text));
  assert.ok(read.ok);
  assert.deepEqual(
    read.value.map(({ network }) => network),
    many.map(({ network }) => network),
  );
});
