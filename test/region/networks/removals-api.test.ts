// VLANs, fabrics and subnets that a machine uses are not removed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../../src/ground/address.ts';
import { type Answered, type CallersPlace, withCallers } from '../api/callers-place.ts';

type Objects = { readonly fabric: number; readonly vlan: number; readonly subnet: number };
type Ask = (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  fields?: Record<string, string>,
) => Promise<Answered>;

/** A fabric with a tagged VLAN, and a subnet in the untagged VLAN. */
async function makeObjects(ask: Ask): Promise<Objects> {
  const made = await ask('POST', 'fabrics/', { name: 'hall' });
  const fabric = made.json.id;
  const tagged = await ask('POST', `fabrics/${fabric}/vlans/`, { vid: '7' });
  const subnet = await ask('POST', 'subnets/', { cidr: '10.9.0.0/24', fabric: 'hall', vid: '0' });
  assert.deepEqual([made.status, tagged.status, subnet.status], [200, 200, 200], subnet.text);
  return { fabric, vlan: tagged.json.id, subnet: subnet.json.id };
}

const withObjects = (work: (ask: Ask, objects: Objects, place: CallersPlace) => Promise<void>): Promise<void> =>
  withCallers(async (place) => {
    const ask: Ask = (method, path, fields) => place.ask('root', method, path, fields);
    await work(ask, await makeObjects(ask), place);
  }, 'allocated');

test('a VLAN, and its fabric, cannot be removed while an interface of a machine is in it', () =>
  withObjects(async (ask, { fabric, vlan, subnet }, { systemId }) => {
    assert.equal((await ask('DELETE', `subnets/${subnet}/`)).status, 204);
    const nics = `nodes/${systemId}/interfaces/`;
    const [first, second] = (await ask('GET', nics)).json;
    const put = await ask('PUT', `${nics}${second.id}/`, { vlan: String(vlan) });
    assert.equal(put.status, 200, put.text);
    for (const [path, what] of [
      [`vlans/${vlan}/`, 'VLAN hall/7'],
      [`fabrics/${fabric}/vlans/7/`, 'VLAN hall/7'],
      [`fabrics/${fabric}/`, 'fabric hall'],
    ] as const) {
      const refused = await ask('DELETE', path);
      const { hostname } = (await ask('GET', `machines/${systemId}/`)).json;
      assert.deepEqual(
        [refused.status, refused.text],
        [
          409,
          `The ${what} is used by ${second.name} of ${hostname}: change this interface first (nodes/${systemId}/interfaces).`,
        ],
      );
      assert.equal((await ask('GET', path)).status, 200);
    }
    const [, laid] = (await ask('GET', nics)).json;
    assert.equal(laid.vlan.id, vlan);
    assert.equal((await ask('PUT', `${nics}${second.id}/`, { vlan: String(first.vlan.id) })).status, 200);
    assert.equal((await ask('DELETE', `vlans/${vlan}/`)).status, 204);
    assert.equal((await ask('DELETE', `fabrics/${fabric}/`)).status, 204);
  }));

test('a VLAN of a VLAN interface cannot be removed before that interface', () =>
  withObjects(async (ask, { fabric, vlan }, { systemId }) => {
    const nics = `nodes/${systemId}/interfaces/`;
    const [first] = (await ask('GET', nics)).json;
    const untagged = (await ask('GET', `fabrics/${fabric}/vlans/0/`)).json.id;
    await ask('PUT', `${nics}${first.id}/`, { vlan: String(untagged) });
    const made = await ask('POST', `${nics}?op=create_vlan`, { parent: String(first.id), vlan: String(vlan) });
    assert.equal(made.status, 200, made.text);
    const refused = await ask('DELETE', `vlans/${vlan}/`);
    assert.deepEqual([refused.status, refused.text.includes(`used by ${made.json.name} of `)], [409, true]);
    assert.equal((await ask('DELETE', `${nics}${made.json.id}/`)).status, 204);
    assert.equal((await ask('DELETE', `vlans/${vlan}/`)).status, 204);
  }));

test('a subnet cannot be removed while an interface of a machine or a device is linked to it', () =>
  withObjects(async (ask, { subnet, fabric }, { systemId }) => {
    const untagged = (await ask('GET', `fabrics/${fabric}/vlans/0/`)).json.id;
    const device = await ask('POST', 'devices/', { hostname: 'printer', mac_addresses: '52:54:00:00:00:77' });
    for (const [id, mode] of [
      [systemId, 'dhcp'],
      [device.json.system_id, 'static'],
    ] as const) {
      const nics = `nodes/${id}/interfaces/`;
      const nic = (await ask('GET', nics)).json.at(-1);
      await ask('PUT', `${nics}${nic.id}/`, { vlan: String(untagged) });
      const linked = await ask('POST', `${nics}${nic.id}/?op=link_subnet`, { mode, subnet: String(subnet) });
      assert.equal(linked.status, 200, linked.text);
      for (const path of [`subnets/${subnet}/`, 'subnets/10.9.0.0%2F24/']) {
        const refused = await ask('DELETE', path);
        assert.deepEqual([refused.status, /^The subnet 10\.9\.0\.0\/24 is used by /.test(refused.text)], [409, true]);
      }
      const link = (await ask('GET', `${nics}${nic.id}/`)).json.links.at(-1);
      assert.equal(link.subnet.id, subnet);
      const unlinked = await ask('POST', `${nics}${nic.id}/?op=unlink_subnet`, { id: String(link.id) });
      assert.equal(unlinked.status, 200, unlinked.text);
    }
    assert.equal((await ask('DELETE', `subnets/${subnet}/`)).status, 204);
  }));

test('a subnet cannot be removed while a machine has an address that it was given there', () =>
  withObjects(async (ask, { subnet }, { systemId, store, clock }) => {
    const machine = await store.findMachine(systemId);
    const nic = machine?.interfaces[0]?.mac;
    assert.ok(nic !== undefined);
    const addresses = [{ mac: nic, address: ipv4(0x0a090007) }];
    await store.changeMachine<never>(systemId, clock.wallTimeMs(), () => ({
      kind: 'change',
      fields: {},
      events: [],
      addresses,
    }));
    const refused = await ask('DELETE', `subnets/${subnet}/`);
    const text = `${machine?.hostname} has the address 10.9.0.7 of the subnet 10.9.0.0/24: release ${machine?.hostname} first.`;
    assert.deepEqual([refused.status, refused.text], [409, text]);
  }));
