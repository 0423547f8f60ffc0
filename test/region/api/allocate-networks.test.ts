// Allocation by the networks of a machine, as Juju asks for it: subnets, spaces and fabrics, and an interface for each label.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answered, SUBNET_ID, withCallers } from './callers-place.ts';

type Fields = Readonly<Record<string, string>>;

/** Calls `work` with a way to ask for a machine. The only one is in `lan` (space `inside`, fabric `fabric-0`); nothing is in `far`. */
const withNetworks = (work: (allocate: (fields: Fields) => Promise<Answered>, systemId: string) => Promise<void>) =>
  withCallers(async ({ ask, systemId }) => {
    const { json: space } = await ask('root', 'POST', 'spaces/', { name: 'inside' });
    await ask('root', 'POST', 'spaces/', { name: 'dmz' });
    await ask('root', 'PUT', `subnets/${SUBNET_ID}/`, { name: 'lan' });
    await ask('root', 'PUT', 'vlans/5001/', { space: String(space.id) });
    const { json: fabric } = await ask('root', 'POST', 'fabrics/', { name: 'away' });
    const far = { cidr: '10.99.0.0/24', name: 'far', fabric: String(fabric.id), vid: '0' };
    assert.equal((await ask('root', 'POST', 'subnets/', far)).status, 200);
    const [first] = (await ask('root', 'GET', `nodes/${systemId}/interfaces/`)).json;
    await ask('root', 'POST', `nodes/${systemId}/interfaces/${first.id}/?op=add_tag`, { tag: 'fast' });
    await work((fields) => ask('alice', 'POST', 'machines/?op=allocate', { ...fields, dry_run: 'true' }), systemId);
  }, 'ready');

const MET: readonly Fields[] = [
  ...[
    'lan',
    String(SUBNET_ID),
    '10.20.0.0/24',
    'space:inside',
    'fabric:fabric-0',
    'vlan:untagged',
    'ip:10.20.0.77',
  ].map((subnets) => ({ subnets })),
  ...['far', '10.99.0.0/24', 'space:dmz', 'fabric:away', 'vid:7', 'ip:10.99.0.7'].map((text) => ({
    not_subnets: text,
  })),
  { subnets: 'lan,space:inside', not_subnets: 'far,space:dmz' },
  { fabrics: 'fabric-0', not_fabrics: 'away' },
  { interfaces: '0:space=inside;1:subnet=lan,tag=fast' },
  { interfaces: 'boot:name=eno1,mac=52:54:00:00:00:01' },
];

const UNMET: readonly Fields[] = [
  ...['far', 'space:dmz', 'fabric:away', 'lan,far'].map((subnets) => ({ subnets })),
  ...['lan', 'space:inside', 'far,lan'].map((text) => ({ not_subnets: text })),
  { fabrics: 'away' },
  { not_fabrics: 'fabric-0' },
  { interfaces: '0:space=inside;1:space=dmz' },
  { interfaces: '0:name=eno2,tag=fast' },
];

const REFUSED: readonly (readonly [field: string, text: string, says: RegExp])[] = [
  ['subnets', 'nowhere', /No subnet is called 'nowhere'/],
  ['not_subnets', 'space:nowhere', /No space is called 'nowhere'/],
  ['subnets', 'constructor:x', /'constructor' is not a condition: choose one of subnet, space, /],
  ['fabrics', 'nowhere', /No fabric is called 'nowhere'/],
  ['not_fabrics', 'nowhere', /No fabric is called 'nowhere'/],
  ['interfaces', '0:space=nowhere', /No space is called 'nowhere'/],
  ['interfaces', '0:speed=9', /'speed' is not a condition/],
  ['interfaces', 'space=inside', /Give a label and conditions/],
  ['interfaces', '0:space=inside;0:subnet=lan', /Give a label and conditions/],
  ['interfaces', '0:inside', /Give a label and conditions/],
];

test('a machine is allocated if its networks meet the conditions', () =>
  withNetworks(async (allocate, systemId) => {
    for (const fields of MET) {
      const { status, text, json } = await allocate(fields);
      assert.deepEqual([status, json?.system_id], [200, systemId], `${JSON.stringify(fields)}: ${text}`);
    }
    for (const fields of UNMET) {
      const { status, refusal } = await allocate(fields);
      assert.deepEqual([status, refusal], [409, 'nothing-matches'], JSON.stringify(fields));
    }
  }));

test('a condition that nothing can meet is refused by its name', () =>
  withNetworks(async (allocate) => {
    for (const [field, text, says] of REFUSED) {
      const answer = await allocate({ [field]: text });
      assert.equal(answer.status, 400, `${field}=${text}`);
      assert.match(String(answer.json[field]), says);
    }
  }));

test('the allocated machine shows the interfaces that meet each label', () =>
  withCallers(async ({ ask, systemId }) => {
    const [first, second] = (await ask('alice', 'GET', `nodes/${systemId}/interfaces/`)).json;
    const interfaces = 'boot:subnet=10.20.0.0/24;any:fabric=fabric-0';
    const { json, text } = await ask('root', 'POST', 'machines/?op=allocate', { interfaces });
    assert.ok(json !== undefined, text);
    assert.deepEqual(json.constraints_by_type, { interfaces: { boot: [first.id], any: [first.id, second.id] } });
  }, 'ready'));
