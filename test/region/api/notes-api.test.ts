// Notes that people give to objects: a client reads each as it was sent, with its lines, or it would see a difference for ever.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ask, withAskedApi } from '../asked-api.ts';
import { acceptRack, RACK_UUID } from '../racks/rack-place.ts';

const NOTE = 'Hall 1,\n\n  row 2: "left"\nAsk <ops>';
const ANOTHER = 'First\r\nsecond  one';
const KEPT = 'First\nsecond  one';

interface Noted {
  readonly name: string;
  /** Where it is made, with the other fields; undefined: it exists. */
  readonly made?: readonly [path: string, fields: Readonly<Record<string, string>>];
  /** Where it is read and changed. */
  readonly place: (made: Readonly<Record<string, string>>) => string;
  readonly field?: 'description' | 'comment';
  readonly others?: Readonly<Record<string, string>>;
}

const SCRIPT =
  '#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n# name: fan\n# --- End MAAS 1.0 script metadata ---\n';
const MADE: readonly Noted[] = [
  {
    name: 'machine',
    made: ['machines', { architecture: 'amd64/generic', mac_addresses: '52:54:00:00:00:01', power_type: 'manual' }],
    place: ({ system_id: id }) => `machines/${id}`,
  },
  {
    name: 'device',
    made: ['devices', { mac_addresses: '52:54:00:00:00:07' }],
    place: ({ system_id: id }) => `devices/${id}`,
  },
  { name: 'zone', made: ['zones', { name: 'hall' }], place: () => 'zones/hall' },
  { name: 'pool', made: ['resourcepools', { name: 'lab' }], place: ({ id }) => `resourcepool/${id}` },
  { name: 'default zone', place: () => 'zones/default' },
  { name: 'default pool', place: () => 'resourcepool/0' },
  { name: 'fabric', made: ['fabrics', { name: 'core' }], place: ({ id }) => `fabrics/${id}` },
  { name: 'VLAN', made: ['fabrics/core/vlans', { vid: '7' }], place: ({ id }) => `vlans/${id}` },
  { name: 'space', made: ['spaces', { name: 'storage' }], place: ({ id }) => `spaces/${id}` },
  { name: 'subnet', made: ['subnets', { cidr: '10.8.0.0/24' }], place: ({ id }) => `subnets/${id}` },
  {
    name: 'range',
    made: ['ipranges', { type: 'reserved', start_ip: '10.8.0.10', end_ip: '10.8.0.19' }],
    place: ({ id }) => `ipranges/${id}`,
    field: 'comment',
  },
  { name: 'rack', place: () => `rackcontrollers/${RACK_UUID}` },
  { name: 'script', made: ['scripts', { script: SCRIPT }], place: () => 'scripts/fan', others: { script: SCRIPT } },
];

async function keepsLines(ask: Ask, { name, made, place, field = 'description', others }: Noted) {
  const first = made === undefined ? undefined : await ask('POST', `2.0/${made[0]}/`, { ...made[1], [field]: NOTE });
  const path = `2.0/${place(first?.json ?? {})}/`;
  if (first !== undefined) {
    assert.deepEqual([first.status, first.json?.[field]], [200, NOTE], `${name}: ${first.text}`);
    assert.equal((await ask('GET', path)).json[field], NOTE, name);
  }
  const changed = await ask('PUT', path, { [field]: ANOTHER, ...others });
  assert.deepEqual([changed.status, changed.json?.[field]], [200, KEPT], `${name}: ${changed.text}`);
  assert.equal((await ask('GET', path)).json[field], KEPT, name);
}

test('the note of every object is read with the lines that were sent', () =>
  withAskedApi(async ({ ask, place }) => {
    await acceptRack(place.region);
    for (const one of MADE) await keepsLines(ask, one);
    const network = { name: 'old', ip: '10.9.0.0', netmask: '255.255.255.0', description: NOTE };
    assert.equal((await ask('POST', '1.0/networks/', network)).json.description, NOTE);
    assert.equal((await ask('GET', '1.0/networks/old/')).json.description, NOTE);
  }));

test('names, titles and the class of a fabric stay one line', () =>
  withAskedApi(async ({ ask }) => {
    const { json } = await ask('POST', '2.0/scripts/', { script: SCRIPT, title: 'Fans\nof all' });
    assert.equal(json.title, 'Fans of all');
    assert.equal((await ask('POST', '2.0/fabrics/', { name: 'core', class_type: '10\ng' })).json.class_type, '10 g');
    for (const [path, fields] of [
      ['zones', { name: 'a\nb' }],
      ['fabrics', { name: 'a\nb' }],
    ] as const)
      assert.equal((await ask('POST', `2.0/${path}/`, fields)).status, 400, path);
  }));

test('a search finds words of a note on both sides of a line break', () =>
  withAskedApi(async ({ ask }) => {
    const machine = { architecture: 'amd64/generic', mac_addresses: '52:54:00:00:00:01', power_type: 'manual' };
    await ask('POST', '2.0/machines/', { ...machine, description: 'lent\nto Ann' });
    assert.equal((await ask('GET', '2.0/machines/?q=lent%20to')).json.length, 1);
  }));
