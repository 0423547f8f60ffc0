// The hardware of a machine as BSON with lshw's XML, as MAAS's clients read it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertStatus } from '../../support/answered.ts';
import { withAskedApi } from '../asked-api.ts';
import { enlist, facts, report } from '../place.ts';

/** The binary fields of a BSON document, read by bsonspec.org; undefined: null. */
function readBson(bytes: Buffer): Readonly<Record<string, string | undefined>> {
  assert.equal(bytes.readInt32LE(0), bytes.length);
  assert.equal(bytes.at(-1), 0);
  const found: Record<string, string | undefined> = {};
  for (let at = 4; at < bytes.length - 1; ) {
    const type = bytes[at];
    const end = bytes.indexOf(0, at + 1);
    const name = bytes.toString('utf8', at + 1, end);
    assert.ok(type === 5 || type === 10, `type ${type}`);
    const size = type === 5 ? bytes.readInt32LE(end + 1) : 0;
    if (type === 5) assert.equal(bytes[end + 5], 0);
    found[name] = type === 5 ? bytes.toString('utf8', end + 6, end + 6 + size) : undefined;
    at = type === 5 ? end + 6 + size : end + 1;
  }
  return found;
}

const HARDWARE = {
  cpu: { count: 8, model: 'Xeon <E5>' },
  memory_mib: 2048,
  nics: [{ name: 'eth0', mac: '52:54:00:00:00:01', driver: 'e1000', carrier: 1, operstate: 'up', speed: 1000 }],
  disks: [
    { name: 'sda', bytes: 1000, model: 'A & B', serial: 'S1' },
    { name: 'sdb', bytes: 2000, model: '', serial: '' },
  ],
};

test('the hardware is a document of two XML texts in both versions; null before any report', () =>
  withAskedApi(async ({ ask, place }) => {
    const bare = await enlist(place.region, report([0x525400000009]));
    const none = await ask('GET', `2.0/machines/${bare.systemId}/?op=details`, undefined, 'alice');
    assert.equal(none.headers['content-type'], 'application/bson');
    assert.deepEqual(readBson(none.bytes), { lshw: undefined, lldp: undefined });
    const given = facts({ serial: 'SN1' }, HARDWARE);
    const { systemId, hostname } = await enlist(place.region, report([0x525400000001], { facts: given }));
    const [one, two] = [
      (await ask('GET', `2.0/machines/${systemId}/?op=details`)).bytes,
      (await ask('GET', `1.0/nodes/${systemId}/?op=details`)).bytes,
    ];
    assert.deepEqual(one, two);
    const { lshw = '', lldp = '' } = readBson(one);
    assert.match(lldp, /^<\?xml .*\n<lldp label="LLDP neighbors"\/>/);
    for (const part of [
      `<list>\n <node id="${hostname}" claimed="true" class="system" handle="">`,
      '<serial>SN1</serial>',
      '<size units="bytes">2147483648</size>',
      '<product>Xeon &lt;E5&gt;</product>',
      '<node id="disk:0" claimed="true" class="disk" handle="">',
      '<product>A &amp; B</product>',
      '<logicalname>/dev/sdb</logicalname>',
      '<node id="network" claimed="true" class="network" handle="">',
      '<setting id="driver" value="e1000" />',
    ])
      assert.ok(lshw.includes(part), `${part} in ${lshw}`);
    await assertStatus(ask('GET', '2.0/machines/zzzzzz/?op=details'), 404);
  }));
