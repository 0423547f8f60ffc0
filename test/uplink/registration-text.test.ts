// What a rack says when it registers fits what a region reads of a stranger, however many networks the rack has.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STRANGERS_INTERFACES_LENGTH_MAX } from '../../src/region/racks/introductions.ts';
import { check, rackInterfaces } from '../../src/region/racks/rack-news.ts';
import { RACK_INTERFACES_MAX } from '../../src/region/records/rack.ts';
import { RESERVATIONS_TOLD_MAX } from '../../src/region/records/rack-description.ts';
import { registrationText } from '../../src/uplink/registration-text.ts';
import { rackInterface } from '../region/racks/rack-place.ts';

test('a rack that registers leaves out what its interfaces reserve for clients', () => {
  const reservations = Array.from({ length: RESERVATIONS_TOLD_MAX }, () => ({ mac: '52:54:00:00:00:01', ip: '' }));
  const text = registrationText([{ ...rackInterface(), reservations }]);
  assert.deepEqual(JSON.parse(text), [rackInterface()]);
});

test('a rack with RACK_INTERFACES_MAX networks registers with their names and networks, which a region reads', () => {
  const many = Array.from({ length: RACK_INTERFACES_MAX }, (_, index) => ({
    ...rackInterface(`10.${index}.0.0/24`),
    name: `vlan${1000 + index}`,
  }));
  const text = registrationText(many);
  assert.ok(text.length <= STRANGERS_INTERFACES_LENGTH_MAX, `${text.length}`);
  const read = check(rackInterfaces, JSON.parse(text));
  assert.ok(read.ok);
  assert.deepEqual(
    read.value.map(({ network }) => network),
    many.map(({ network }) => network),
  );
});
