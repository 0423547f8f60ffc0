// Allocation by the networks of a machine, as Juju asks for it: subnets, spaces and fabrics, and an interface for each label; the networks of API 1.0;
// conditions that Rackboot cannot judge.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertStatus } from '../../support/answered.ts';
import { type Answered, SECOND_MAC, SUBNET_ID, withCallers } from './callers-place.ts';

type Fields = Readonly<Record<string, string>>;

/** Calls `work` with a way to ask for a machine. The only one is in `lan` (space `inside`, fabric `fabric-0`); nothing is in `far`. */
type Ask = Parameters<Parameters<typeof withCallers>[0]>[0]['ask'];
const withNetworks = (
  work: (allocate: (fields: Fields, version?: '1.0') => Promise<Answered>, systemId: string, ask: Ask) => Promise<void>,
) =>
  withCallers(async ({ ask, systemId }) => {
    const { json: space } = await ask('root', 'POST', 'spaces/', { name: 'inside' });
    await ask('root', 'POST', 'spaces/', { name: 'dmz' });
    await ask('root', 'PUT', `subnets/${SUBNET_ID}/`, { name: 'lan' });
    await ask('root', 'PUT', 'vlans/5001/', { space: String(space.id) });
    const { json: fabric } = await ask('root', 'POST', 'fabrics/', { name: 'away' });
    const far = { cidr: '10.99.0.0/24', name: 'far', fabric: String(fabric.id), vid: '0' };
    await assertStatus(ask('root', 'POST', 'subnets/', far), 200);
    const [first] = (await ask('root', 'GET', `nodes/${systemId}/interfaces/`)).json;
    await ask('root', 'POST', `nodes/${systemId}/interfaces/${first.id}/?op=add_tag`, { tag: 'fast' });
    await ask('root', 'POST', `nodes/${systemId}/interfaces/${first.id}/?op=add_tag`, { tag: 'quick' });
    await ask('root', 'PUT', 'fabrics/0/', { class_type: '10g' });
    await ask('root', 'PUT', `fabrics/${fabric.id}/`, { class_type: '1g' });
    const allocate = (fields: Fields, version?: '1.0') => {
      const path = version === undefined ? 'machines/?op=allocate' : '1.0/nodes/?op=acquire';
      return ask('alice', 'POST', path, { ...fields, dry_run: 'true' });
    };
    await work(allocate, systemId, ask);
  }, 'ready');

const MET: readonly Fields[] = [
  ...[
    'lan',
    String(SUBNET_ID),
    '10.20.0.0/24',
    'name:lan',
    'cidr:10.20.0.0/24',
    `id:${SUBNET_ID}`,
    'space:inside',
    'fabric:fabric-0',
    'vlan:untagged',
    'ip:10.20.0.77',
  ].map((subnets) => ({ subnets })),
  ...['far', '10.99.0.0/24', 'space:dmz', 'fabric:away', 'vid:7', 'ip:10.99.0.7'].map((text) => ({
    not_subnets: text,
  })),
  { subnets: 'lan,space:inside', not_subnets: 'far,space:dmz' },
  { vlans: 'untagged' },
  { vlans: '5001', not_vlans: 'vid:7' },
  { interfaces: '0:space=inside', not_subnets: 'space:undefined' },
  { not_subnets: 'space:-1' },
  { fabrics: 'fabric-0', not_fabrics: 'away' },
  { fabric_classes: '10g', not_fabric_classes: '1g' },
  { interfaces: '0:fabric_class=10g' },
  { interfaces: '0:space=inside;1:subnet=lan,tag=fast' },
  { interfaces: '0:subnet=cidr:10.20.0.0/24;1:subnet=name:lan;2:subnet_cidr=10.20.0.0/24' },
  { interfaces: 'boot:name=eno1,mac=52:54:00:00:00:01' },
  ...[`subnet=id:${SUBNET_ID}`, 'subnet=ip:10.20.0.77', 'subnet=space:inside', 'vlan=vid:0', 'vlan=id:5001'].map(
    (text) => ({ interfaces: `a:${text}` }),
  ),
  ...['vlan=name:untagged', 'vlan=fabric:fabric-0', 'fabric=id:0', 'fabric=name:fabric-0', 'fabric=class:10g'].map(
    (text) => ({ interfaces: `a:${text}` }),
  ),
  ...['space=name:inside', 'type=physical', 'type=PHYSICAL,name=eno2', 'mode=unconfigured,name=eno2'].map((text) => ({
    interfaces: `a:${text}`,
  })),
  ...['subnet_cidr=10.20.0.0/24', 'tag=fast&&quick', 'link_speed=0'].map((text) => ({ interfaces: `a:${text}` })),
];

const UNMET: readonly Fields[] = [
  { interfaces: '0:id=999999' },
  ...['far', 'name:far', 'cidr:10.99.0.0/24', 'space:dmz', 'fabric:away', 'lan,far'].map((subnets) => ({ subnets })),
  ...['lan', 'space:inside', 'far,lan'].map((text) => ({ not_subnets: text })),
  { not_vlans: '5001' },
  { vlans: 'vid:7' },
  { subnets: 'space:undefined' },
  { interfaces: '0:space=-1' },
  { fabrics: 'away' },
  { not_fabrics: 'fabric-0' },
  { fabric_classes: '1g' },
  { not_fabric_classes: '10g' },
  { interfaces: '0:space=inside;1:space=dmz' },
  { interfaces: '0:name=eno2,tag=fast' },
  ...['hostname=another', 'type=bond', 'type=unknown', 'vlan=vid:7', 'vlan=fabric:away', 'subnet=name:far'].map(
    (text) => ({
      interfaces: `a:${text}`,
    }),
  ),
  ...['subnet=space:dmz', 'subnet_cidr=10.99.0.0/24', 'fabric=class:1g', 'tag=fast&&slow', 'link_speed=999999999'].map(
    (text) => ({ interfaces: `a:${text}` }),
  ),
  { interfaces: 'a:ip=10.99.0.7' },
];

const REFUSED: readonly (readonly [field: string, text: string, says: RegExp])[] = [
  ['subnets', 'nowhere', /No subnet is called 'nowhere'/],
  ['not_subnets', 'space:nowhere', /No space is called 'nowhere'/],
  ['subnets', 'constructor:x', /'constructor' is not a condition: choose one of subnet, space, /],
  ['fabrics', 'nowhere', /No fabric is called 'nowhere'/],
  ['not_fabrics', 'nowhere', /No fabric is called 'nowhere'/],
  ['fabric_classes', '40g', /No fabric_class is called '40g'/],
  ['not_fabric_classes', '40g', /No fabric_class is called '40g'/],
  ['interfaces', '0:space=nowhere', /No space is called 'nowhere'/],
  ['interfaces', '0:speed=9', /'speed' is not a condition/],
  ['interfaces', '0:vlan=vid:x', /No vlan is called 'vid:x'/],
  ['interfaces', '0:subnet=cidr:10.77.0.0/24', /No subnet is called 'cidr:10\.77\.0\.0\/24'/],
  ['interfaces', '0:type=usb', /'usb' is not a value of type: give physical, bond, bridge, vlan, unknown\./],
  ['interfaces', '0:mode=static', /'static' is not a value of mode: give unconfigured\./],
  ['interfaces', 'space=inside', /Give a label and conditions/],
  ['interfaces', '0:space=inside;0:subnet=lan', /Give a label and conditions/],
  ['interfaces', '0:inside', /Give a label and conditions/],
];

test('an interface is named by its id, its address, and the name of its machine', () =>
  withNetworks(async (allocate, systemId, ask) => {
    const { hostname, fqdn } = (await ask('root', 'GET', `machines/${systemId}/`)).json;
    const [first, second] = (await ask('root', 'GET', `nodes/${systemId}/interfaces/`)).json;
    const link = { mode: 'static', subnet: String(SUBNET_ID), ip_address: '10.20.0.25' };
    await assertStatus(ask('root', 'POST', `nodes/${systemId}/interfaces/${second.id}/?op=link_subnet`, link), 200);
    for (const [conditions, ids] of [
      [`hostname=${hostname}`, [first.id, second.id]],
      [`hostname=${fqdn},id=${first.id}`, [first.id]],
      ['ip=10.20.0.25', [second.id]],
      ['type=physical,subnet=name:lan', [first.id, second.id]],
      ['mode=unconfigured', [first.id]],
    ] as const) {
      const { json, text } = await allocate({ interfaces: `a:${conditions}` });
      assert.deepEqual(json?.constraints_by_type, { interfaces: { a: ids } }, `${conditions}: ${text}`);
    }
    assert.equal((await allocate({ interfaces: 'a:ip=10.20.0.26' })).refusal, 'nothing-matches');
  }));

test('lists of machines take the same conditions on networks', () =>
  withNetworks(async (_allocate, systemId, ask) => {
    const listed = async (fields: Fields) => {
      const answer = await ask('root', 'GET', `machines/?${new URLSearchParams(fields)}`);
      return answer.json.map((one: { readonly system_id: string }) => one.system_id);
    };
    for (const fields of MET) assert.deepEqual(await listed(fields), [systemId], JSON.stringify(fields));
    for (const fields of UNMET) assert.deepEqual(await listed(fields), [], JSON.stringify(fields));
    const others = { storage: 'root:9999', pod: 'kvm', pod_type: 'virsh', devices: 'vendor_id=8086' };
    const routers = { connected_to: '00:11:22:33:44:55', not_connected_to: '00:11:22:33:44:55' };
    assert.deepEqual(await listed({ storage: others.storage }), []);
    for (const [field, text] of Object.entries({ ...others, ...routers, interfaces: 'a', storage: 'x' })) {
      const refused = await ask('root', 'GET', `machines/?${new URLSearchParams({ [field]: text })}`);
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, [field]], refused.text);
    }
  }));

test('an interface in a VLAN without a space is in the space undefined', () =>
  withNetworks(async (allocate, systemId, ask) => {
    await ask('root', 'PUT', 'vlans/5001/', { space: '' });
    for (const fields of [
      { subnets: 'space:undefined' },
      { interfaces: '0:space=undefined' },
      { interfaces: '0:space=-1' },
    ]) {
      const { json, text } = await allocate(fields);
      assert.equal(json?.system_id, systemId, text);
    }
  }));

test('what Rackboot does not know or do is refused by name', () =>
  withNetworks(async (allocate) => {
    const { status, json } = await allocate({ devices: 'vendor_id=8086' });
    assert.deepEqual([status, Object.keys(json)], [400, ['devices']]);
    await assertStatus(allocate({ verbose: 'true', bridge_all: 'false' }), 200);
  }));

test('a machine is allocated if its networks meet the conditions', () =>
  withNetworks(async (allocate, systemId) => {
    for (const fields of MET) {
      const { status, text, json } = await allocate(fields);
      assert.deepEqual([status, json?.system_id], [200, systemId], `${JSON.stringify(fields)}: ${text}`);
      const labels = (fields.interfaces ?? '')
        .split(';')
        .flatMap((part) => part.split(':', 1).filter((one) => one !== ''));
      assert.deepEqual(
        Object.keys(json.constraints_by_type.interfaces ?? {}),
        labels,
        'a trial says what meets the labels',
      );
    }
    for (const fields of UNMET) {
      const { status, refusal } = await allocate(fields);
      assert.deepEqual([status, refusal], [409, 'nothing-matches'], JSON.stringify(fields));
    }
  }));

test('a condition that nothing can meet is refused by its name', () =>
  withNetworks(async (allocate) => {
    for (const [field, text, says] of REFUSED) {
      const answer = await assertStatus(allocate({ [field]: text }), 400, `${field}=${text}`);
      assert.match(String(answer.json[field]), says);
    }
  }));

test('1.0: a machine is acquired by its networks, those included in which a person recorded it', () =>
  withNetworks(async (allocate, systemId, ask) => {
    const vlan = { name: 'tagged', ip: '10.98.0.0', netmask: '255.255.255.0', vlan_tag: '100' };
    await assertStatus(ask('root', 'POST', '1.0/networks/', vlan), 200);
    await assertStatus(ask('root', 'POST', 'subnets/', { cidr: '10.97.0.0/24', fabric: '0', vid: '0' }), 200);
    const all = async (cases: readonly Fields[], isMet: boolean) => {
      for (const fields of cases) {
        const { status, refusal, json, text } = await allocate(fields, '1.0');
        const expected = isMet ? [200, systemId, undefined] : [409, undefined, 'nothing-matches'];
        assert.deepEqual([status, json?.system_id, refusal], expected, `${JSON.stringify(fields)}: ${text}`);
      }
    };
    await all(
      [
        ...['lan', 'name:lan', 'ip:10.20.0.77', 'vlan:0', ''].map((networks) => ({ networks })),
        ...['far', 'tagged', 'vlan:100', 'vlan:0x64', '10.97.0.0-24', 'ip:10.98.0.1'].map((text) => ({
          not_networks: text,
        })),
        { networks: 'lan', not_networks: 'far,tagged' },
        { networks: 'lan', subnets: 'lan', zone: 'default', arch: 'amd64', connected_to: '', routers: '' },
      ],
      true,
    );
    await all(
      [...['far', 'tagged', 'vlan:100', 'lan,far'].map((networks) => ({ networks })), { not_networks: 'far,lan' }],
      false,
    );
    await ask('root', 'POST', '1.0/networks/tagged/?op=connect_macs', { macs: SECOND_MAC });
    await all([{ networks: 'lan,tagged' }, { networks: 'vlan:100' }], true);
    await all([{ not_networks: 'tagged' }], false);
  }));

test('a condition that Rackboot cannot judge is refused by its name', () =>
  withNetworks(async (allocate) => {
    const mac = '00:11:22:33:44:55';
    for (const [version, field, text, says] of [
      ['1.0', 'networks', 'nowhere', /No network is called 'nowhere'/],
      ['1.0', 'not_networks', 'vlan:7', /No network is called '7'/],
      ['1.0', 'networks', 'ip:x', /No network is called 'x'/],
      ['1.0', 'connected_to', mac, /omit connected_to, and choose by networks/],
      ['1.0', 'not_connected_to', mac, /omit not_connected_to/],
      ['1.0', 'routers', mac, /omit routers/],
      ['1.0', 'not_routers', mac, /omit not_routers/],
      [undefined, 'pod', 'kvm', /omit pod/],
      [undefined, 'pod_type', 'virsh', /omit pod_type/],
    ] as const) {
      const answer = await allocate({ [field]: text }, version);
      assert.deepEqual([answer.status, Object.keys(answer.json)], [400, [field]], `${field}=${text}`);
      assert.match(String(answer.json[field]), says);
    }
    const { status, json } = await allocate({ connected_to: mac, storage: 'x', zone: 'nowhere' }, '1.0');
    assert.deepEqual([status, Object.keys(json).sort()], [400, ['connected_to', 'storage', 'zone']]);
  }));

test('the allocated machine shows the interfaces that meet each label', () =>
  withCallers(async ({ ask, systemId }) => {
    const [first, second] = (await ask('alice', 'GET', `nodes/${systemId}/interfaces/`)).json;
    const interfaces = 'boot:subnet=10.20.0.0/24;any:fabric=fabric-0';
    const { json, text } = await ask('root', 'POST', 'machines/?op=allocate', { interfaces });
    assert.ok(json !== undefined, text);
    assert.deepEqual(json.constraints_by_type, { interfaces: { boot: [first.id], any: [first.id, second.id] } });
  }, 'ready'));
