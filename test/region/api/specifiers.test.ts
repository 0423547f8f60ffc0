// Objects that are named as MAAS's specifiers name them: `id:7`, `name:lan`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertStatus } from '../../support/answered.ts';
import { RACK_UUID } from '../racks/rack-place.ts';
import { type CallersPlace, FIRST_MAC, SUBNET_ID, withCallers } from './callers-place.ts';

/** Makes an object by its name. @returns its id */
async function make({ ask }: CallersPlace, path: string, name: string): Promise<number> {
  const made = await assertStatus(ask('root', 'POST', path, { name }), 200);
  return made.json.id;
}

/** The id of the object at a path; the status if there is none. */
async function idAt({ ask }: CallersPlace, path: string): Promise<number> {
  const { status, json } = await ask('alice', 'GET', path);
  return status === 200 ? json.id : status;
}

for (const kind of ['fabrics', 'spaces'] as const) {
  test(`${kind} are found by id: and name:, and each by its name, whatever it is`, () =>
    withCallers(async (place) => {
      const hall = await make(place, `${kind}/`, 'hall');
      const number = await make(place, `${kind}/`, String(hall));
      const free = await make(place, `${kind}/`, '77');
      const colon = await make(place, `${kind}/`, 'a:b');
      const form = await make(place, `${kind}/`, 'name:yard');
      for (const [text, found] of [
        ['name:hall', hall],
        [`id:${hall}`, hall],
        [String(hall), hall],
        [`name:${hall}`, number],
        ['77', free],
        ['name:77', free],
        ['id:77', 404],
        ['a:b', colon],
        ['name:a:b', colon],
        ['name:yard', form],
        ['name:name:yard', form],
        ['name:nowhere', 404],
        ['name:', 404],
        ['id:hall', 404],
      ] as const)
        assert.equal(await idAt(place, `${kind}/${text}/`), found, text);
      const yard = await make(place, `${kind}/`, 'yard');
      assert.deepEqual(
        [await idAt(place, `${kind}/name:yard/`), await idAt(place, `${kind}/name:name:yard/`)],
        [yard, form],
      );
      const { ask } = place;
      const changed = await ask('root', 'PUT', `${kind}/name:hall/`, { description: 'x' });
      assert.deepEqual([changed.status, changed.json.id], [200, hall], changed.text);
      assert.equal((await ask('root', 'DELETE', `${kind}/name:nowhere/`)).refusal, 'not-found');
      await assertStatus(ask('root', 'DELETE', `${kind}/name:hall/`), 204);
      assert.equal(await idAt(place, `${kind}/name:hall/`), 404);
    }));
}

test('the VLANs of a fabric, its subnets and the space of a VLAN take specifiers', () =>
  withCallers(async (place) => {
    const { ask } = place;
    const [fabric, space] = [await make(place, 'fabrics/', 'hall'), await make(place, 'spaces/', 'dmz')];
    for (const [vid, text] of [
      ['30', 'name:dmz'],
      ['31', `id:${space}`],
    ] as const) {
      const made = await ask('root', 'POST', 'fabrics/name:hall/vlans/', { vid, space: text });
      assert.deepEqual([made.json.fabric_id, made.json.space], [fabric, 'dmz'], made.text);
      assert.equal(await idAt(place, `fabrics/id:${fabric}/vlans/${vid}/`), made.json.id);
    }
    const wrong = await ask('root', 'PUT', 'fabrics/name:hall/vlans/30/', { space: 'name:none' });
    assert.deepEqual([wrong.status, Object.keys(wrong.json)], [400, ['space']]);
    const subnet = { cidr: '10.30.0.0/24', fabric: 'name:hall', vid: '30' };
    const made = await ask('root', 'POST', 'subnets/', subnet);
    assert.deepEqual([made.json?.vlan.fabric_id, made.json?.vlan.vid], [fabric, 30], made.text);
    const refused = await ask('root', 'POST', 'subnets/', { ...subnet, cidr: '10.31.0.0/24', fabric: 'name:none' });
    assert.deepEqual([refused.status, 'fabric' in refused.json], [400, true]);
  }));

test('a subnet is found by id:, and one whose name begins like a form by the whole name', () =>
  withCallers(async (place) => {
    assert.equal(await idAt(place, `subnets/id:${SUBNET_ID}/`), SUBNET_ID);
    assert.equal(await idAt(place, 'subnets/id:7/'), 404);
    const made = await place.ask('root', 'POST', 'subnets/', { cidr: '10.31.0.0/24', name: 'name:lan' });
    assert.equal(await idAt(place, 'subnets/name:lan/'), made.json.id);
  }));

test('interfaces of machines, devices and racks are found by id: and name:, also for changes', () =>
  withCallers(async (place) => {
    const { ask, systemId } = place;
    const fields = { hostname: 'printer', mac_addresses: '52:54:00:00:00:0a' };
    const { json: device } = await ask('root', 'POST', 'devices/', fields);
    for (const node of [systemId, device.system_id, RACK_UUID]) {
      const at = `nodes/${node}/interfaces/`;
      const [{ id, name }] = (await ask('alice', 'GET', at)).json;
      for (const text of [`id:${id}`, `name:${name}`, name, String(id)])
        assert.equal(await idAt(place, `${at}${text}/`), id, text);
      for (const text of [`id:${name}`, `name:${id}`, 'name:', 'id:999']) {
        const none = await ask('alice', 'GET', `${at}${text}/`);
        assert.deepEqual([none.status, none.text.includes(`has no interface ${text}`)], [404, true], none.text);
      }
    }
    const nics = `nodes/${systemId}/interfaces/`;
    assert.equal(await idAt(place, `machines/${systemId}/interfaces/name:eno1/`), await idAt(place, `${nics}eno1/`));
    const tagged = await ask('root', 'POST', `${nics}name:eno1/?op=add_tag`, { tag: 'x' });
    assert.deepEqual([tagged.json.mac_address, tagged.json.tags], [FIRST_MAC, ['x']]);
    assert.equal((await ask('root', 'PUT', `${nics}name:eno1/`, { name: 'lan0' })).json.name, 'lan0');
    const other = await ask('root', 'PUT', `nodes/${device.system_id}/interfaces/name:eth0/`, {
      mac_address: '52:54:00:00:00:0b',
    });
    assert.equal(other.json?.mac_address, '52:54:00:00:00:0b', other.text);
    const none = await ask('root', 'DELETE', `${nics}name:eno9/`);
    assert.deepEqual([none.status, none.refusal], [404, 'not-found'], none.text);
  }));
