// DHCP in the order of MAAS 2: a fabric, a VLAN, a subnet and its dynamic range first, then `dhcp_on` with a rack. The requests have the
// shapes of Terraform's provider (`maas_fabric`, `maas_vlan`, `maas_subnet`, `maas_subnet_ip_range`, `maas_vlan_dhcp`).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settings } from '../../../src/machines/settings.ts';
import type { Rack } from '../../../src/region/records/rack.ts';
import type { HostAddress } from '../../../src/region/records/rack-description.ts';
import type { Region } from '../../../src/region/region.ts';
import { assertStatus } from '../../support/answered.ts';
import { type Ask, machineAt, OWN_FILE, OWN_UUID, refusesEach, withNetworks } from '../networks/network-place.ts';
import { acceptRack, hearRack, RACK_UUID, rackInterface } from '../racks/rack-place.ts';

const CIDR = '10.30.0.0/24';
const HOST: readonly HostAddress[] = [
  { interface: 'eth0', address: '192.0.2.5/24' },
  { interface: 'eth1.30', address: '10.30.0.1/24' },
];
const BOUNDS = { start_ip: '10.30.0.100', end_ip: '10.30.0.199' };

/** The region's own rack reports its host. */
const reportOwn = (region: Region, addresses: readonly HostAddress[] | undefined) =>
  region.racks.putOwn({ uuid: OWN_UUID, name: 'maas', version: '0.1.0', interfaces: [], pinned: [], addresses });

/** A remote rack reports its host and its cluster interfaces. */
const beat = (
  region: Region,
  interfaces: Rack['interfaces'],
  addresses: readonly HostAddress[] = HOST,
  pinned: readonly string[] = [],
): Promise<void> => hearRack(region, RACK_UUID, interfaces, { pinned, addresses });

interface Made {
  readonly vlan: string;
  readonly vlanId: number;
  readonly subnet: number;
}

/** A fabric, a VLAN and a subnet, without a range. */
async function makeSubnet(ask: Ask, more: object = {}): Promise<Made> {
  const fabric = await ask('POST', '2.0/fabrics/', { name: 'tf-fabric' });
  const vlans = `2.0/fabrics/${fabric.json.id}/vlans/`;
  const made = await assertStatus(
    ask('POST', vlans, { vid: 30, mtu: 1400, dhcp_on: false, name: 'tf-vlan', space: '' }),
    200,
  );
  const subnet = await assertStatus(
    ask('POST', '2.0/subnets/', {
      cidr: CIDR,
      name: 'tf-subnet',
      fabric: fabric.json.id,
      vlan: made.json.id,
      vid: 30,
      gateway_ip: '10.30.0.254',
      dns_servers: '10.30.0.53',
      rdns_mode: 2,
      allow_dns: true,
      allow_proxy: true,
      managed: true,
      ...more,
    }),
    200,
  );
  return { vlan: `${vlans}30/`, vlanId: made.json.id, subnet: subnet.json.id };
}

const makeRange = async (ask: Ask, subnet: number): Promise<number> => {
  const made = await assertStatus(
    ask('POST', '2.0/ipranges/', { type: 'dynamic', subnet, ...BOUNDS, comment: 'of tf' }),
    200,
  );
  return made.json.id;
};

const ENTRY: Settings = {
  name: 'eth1-30',
  interface: 'eth1.30',
  ip: '10.30.0.1',
  network: '10.30.0.0/24',
  router_ip: '10.30.0.254',
  dns_servers: ['10.30.0.53'],
  management: 2,
  ip_range_low: '10.30.0.100',
  ip_range_high: '10.30.0.199',
  options: [{ code: 26, value: 1400 }],
};
const OFF = { dhcp_on: false, primary_rack: '', secondary_rack: '', relay_vlan: '' };

test('a dynamic range before its rack, then dhcp_on: the rack serves the subnet at once, and Terraform reads back what it wrote', () =>
  withNetworks(async (ask, { region }) => {
    await reportOwn(region, HOST);
    const { vlan, vlanId, subnet } = await makeSubnet(ask);
    const range = await makeRange(ask, subnet);
    // The provider changes what it has created.
    const again = { type: 'dynamic', subnet, ...BOUNDS, comment: 'of tf' };
    await assertStatus(ask('PUT', `2.0/ipranges/${range}/`, again), 200);
    const kept = (await ask('GET', `2.0/ipranges/${range}/`)).json;
    const shown = [kept.id, kept.type, kept.start_ip, kept.end_ip, kept.comment, kept.subnet.id, kept.subnet.vlan.vid];
    assert.deepEqual(shown, [range, 'dynamic', BOUNDS.start_ip, BOUNDS.end_ip, 'of tf', subnet, 30]);
    const reserved = (await ask('GET', `2.0/subnets/${subnet}/?op=reserved_ip_ranges`)).json;
    assert.ok(reserved.some((one: { purpose: string[] }) => one.purpose.includes('dynamic')));
    assert.deepEqual(region.settings.interfacesOf(OWN_UUID), [], 'no rack serves it yet');

    const on = await assertStatus(ask('PUT', vlan, { dhcp_on: true, primary_rack: OWN_UUID }), 200);
    const read = (await ask('GET', vlan)).json;
    assert.deepEqual(read, on.json);
    const { dhcp_on, primary_rack, secondary_rack, relay_vlan, mtu, id } = read;
    assert.deepEqual([dhcp_on, primary_rack, secondary_rack, relay_vlan], [true, OWN_UUID, null, null]);
    assert.deepEqual([mtu, id], [1400, vlanId]);
    assert.deepEqual(region.settings.interfacesOf(OWN_UUID), [ENTRY]);
    const seen = (await ask('GET', '2.0/ipranges/')).json;
    assert.equal(seen.length, 1);
    assert.deepEqual(
      { ...seen[0], subnet: undefined },
      { ...kept, subnet: undefined },
      'the same range by the same id',
    );
    const { json: served } = await ask('GET', `2.0/subnets/${subnet}/`);
    assert.deepEqual([served.gateway_ip, served.dns_servers, served.id], ['10.30.0.254', ['10.30.0.53'], subnet]);

    const moved = await ask('PUT', `2.0/ipranges/${range}/`, { ...again, end_ip: '10.30.0.150' });
    assert.equal(moved.json.end_ip, '10.30.0.150', moved.text);
    assert.equal(region.settings.interfacesOf(OWN_UUID)[0]?.ip_range_high, '10.30.0.150');
    const repeated = await ask('PUT', vlan, { dhcp_on: true, primary_rack: OWN_UUID });
    assert.deepEqual([repeated.status, repeated.json], [200, on.json]);
  }, {}));

test('a subnet of a person keeps whether it allows DNS, and its rack begins with that', () =>
  withNetworks(async (ask, { region }) => {
    await reportOwn(region, HOST);
    const { vlan, subnet } = await makeSubnet(ask, { allow_dns: false });
    await makeRange(ask, subnet);
    assert.equal((await ask('GET', `2.0/subnets/${subnet}/`)).json.allow_dns, false);
    await assertStatus(ask('PUT', vlan, { dhcp_on: true, primary_rack: OWN_UUID }), 200);
    assert.deepEqual(region.settings.interfacesOf(OWN_UUID), [{ ...ENTRY, management: 1 }]);
    await assertStatus(ask('PUT', vlan, { dhcp_on: false }), 200);
    assert.equal((await ask('GET', `2.0/subnets/${subnet}/`)).json.allow_dns, false);
  }, {}));

test('the cluster interface that dhcp_on has made goes again in the order of terraform destroy', () =>
  withNetworks(async (ask, { region }) => {
    await reportOwn(region, HOST);
    const { vlan, vlanId, subnet } = await makeSubnet(ask);
    const range = await makeRange(ask, subnet);
    await assertStatus(ask('PUT', vlan, { dhcp_on: true, primary_rack: 'maas' }), 200);
    await assertStatus(ask('DELETE', `2.0/subnets/${subnet}/`), 409, 'while the rack serves it');
    const off = await ask('PUT', vlan, OFF);
    assert.deepEqual([off.status, off.json.dhcp_on, off.json.primary_rack], [200, false, null], off.text);
    assert.equal(region.settings.interfacesOf(OWN_UUID)[0]?.management, 0);
    assert.equal((await ask('PUT', vlan, { dhcp_on: true, primary_rack: 'maas' })).json.dhcp_on, true, 'and on again');
    await ask('PUT', vlan, OFF);
    await assertStatus(ask('DELETE', `2.0/ipranges/${range}/`), 204);
    assert.deepEqual(region.settings.interfacesOf(OWN_UUID), []);
    assert.equal((await ask('GET', `2.0/subnets/${subnet}/`)).json.gateway_ip, '10.30.0.254');
    const next = await makeRange(ask, subnet);
    await ask('PUT', vlan, { dhcp_on: true, primary_rack: 'maas' });
    await ask('PUT', vlan, OFF);
    assert.ok(next > range);
    await assertStatus(ask('DELETE', `2.0/subnets/${subnet}/`), 204);
    assert.deepEqual(region.settings.interfacesOf(OWN_UUID), []);
    await assertStatus(ask('DELETE', `2.0/vlans/${vlanId}/`), 204);
  }, {}));

test('the cluster interface of a person stays when its range goes', () =>
  withNetworks(
    async (ask, { region }) => {
      const [{ id }] = (await ask('GET', '2.0/ipranges/')).json;
      const [{ vlans }] = (await ask('GET', '2.0/fabrics/')).json;
      await ask('PUT', `2.0/vlans/${vlans[0].id}/`, { dhcp_on: false });
      await assertStatus(ask('DELETE', `2.0/ipranges/${id}/`), 204);
      assert.equal(region.settings.interfacesOf(OWN_UUID)[0]?.name, 'hall');
      const [{ id: subnet }] = (await ask('GET', '2.0/subnets/')).json;
      await assertStatus(ask('DELETE', `2.0/subnets/${subnet}/`), 409);
    },
    {
      hall: {
        interface: 'eth1',
        ip: '10.30.0.1',
        network: CIDR,
        ip_range_low: '10.30.0.9',
        ip_range_high: '10.30.0.20',
      },
    },
  ));

test('a kept range is changed and deleted, and counts against other ranges, routers and addresses', () =>
  withNetworks(async (ask, place) => {
    const { subnet } = await makeSubnet(ask, { gateway_ip: '' });
    await machineAt(place, ['10.30.0.50']);
    const range = await makeRange(ask, subnet);
    const at = `2.0/ipranges/${range}/`;
    await refusesEach(ask, 'POST', '2.0/ipranges/', [
      [{ type: 'dynamic', subnet, start_ip: '10.30.0.10', end_ip: '10.30.0.20' }, 'start_ip'],
      [{ type: 'reserved', start_ip: '10.30.0.90', end_ip: '10.30.0.110' }, 'start_ip'],
      [{ type: 'static', start_ip: '10.30.0.10', end_ip: '10.30.0.20' }, 'subnet'],
    ]);
    await refusesEach(ask, 'PUT', `2.0/subnets/${subnet}/`, [
      [{ gateway_ip: '10.30.0.120' }, 'gateway_ip'],
      [{ cidr: '10.30.0.0/25' }, 'cidr'],
    ]);
    await refusesEach(ask, 'PUT', at, [
      [{ start_ip: '10.30.0.50' }, 'start_ip'],
      [{ type: 'reserved' }, 'type'],
      [{ subnet: 'none' }, 'subnet'],
    ]);
    await assertStatus(ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.30.0.150' }), 409);
    await assertStatus(ask('PUT', at, { start_ip: '10.30.0.101' }, 'user'), 403);
    const moved = (await ask('PUT', at, { start_ip: '10.30.0.101', comment: 'x' })).json;
    assert.deepEqual([moved.start_ip, moved.comment, moved.type, moved.user], ['10.30.0.101', 'x', 'dynamic', null]);
    await assertStatus(ask('DELETE', at, undefined, 'user'), 403);
    await assertStatus(ask('DELETE', at), 204);
    assert.deepEqual((await ask('GET', '2.0/ipranges/')).json, []);
  }, {}));

test('dhcp_on without a range, a rack or an address is refused before anything changes, and says what to do', () =>
  withNetworks(async (ask, { region }) => {
    const { vlan, subnet } = await makeSubnet(ask);
    const refuses = async (fields: object, field: string, sentence: RegExp) => {
      const refused = await ask('PUT', vlan, { name: 'lost', ...fields });
      assert.deepEqual([refused.status, Object.keys(refused.json ?? {})], [400, [field]], refused.text);
      assert.match(refused.json[field][0], sentence);
      assert.equal((await ask('GET', vlan)).json.name, 'tf-vlan');
      assert.deepEqual(region.settings.interfacesOf(OWN_UUID), []);
    };
    const on = { dhcp_on: true, primary_rack: OWN_UUID };
    await refuses({ dhcp_on: true }, 'dhcp_on', /give primary_rack too/);
    await refuses({ dhcp_on: true, primary_rack: '' }, 'dhcp_on', /give primary_rack too/);
    await refuses({ dhcp_on: true, primary_rack: 'elsewhere' }, 'primary_rack', /no accepted rack elsewhere/);
    await refuses({ dhcp_on: false, primary_rack: OWN_UUID }, 'primary_rack', /dhcp_on=true/);
    await refuses(on, 'primary_rack', /No subnet of this VLAN has a dynamic range: .*ipranges/);
    await makeRange(ask, subnet);
    await refuses(on, 'primary_rack', /has not reported the addresses/);
    await reportOwn(region, []);
    await refuses(on, 'primary_rack', /no IPv4 address/);
    await reportOwn(region, HOST.slice(0, 1));
    await refuses(on, 'primary_rack', /maas has no address in 10\.30\.0\.0\/24\. .* eth0 192\.0\.2\.5\/24\. Give one/);
    await reportOwn(region, [{ interface: 'eth1', address: '10.30.0.1/16' }]);
    await refuses(on, 'primary_rack', /eth1 10\.30\.0\.1\/16, which overlap 10\.30\.0\.0\/24/);
    await reportOwn(region, [...HOST, { interface: 'eth2', address: '10.30.0.2/24' }]);
    await refuses(on, 'primary_rack', /eth1\.30 10\.30\.0\.1\/24, eth2 10\.30\.0\.2\/24/);
    await reportOwn(region, [{ interface: 'eth1', address: '10.30.0.120/24' }]);
    await refuses(on, 'dhcp_on', /contains ip 10\.30\.0\.120/);
    await reportOwn(region, HOST);
    await refuses({ ...on, secondary_rack: 'maas' }, 'secondary_rack', /different racks/);
    await refuses({ ...on, relay_vlan: 5001 }, 'relay_vlan', /./);
    assert.equal((await ask('PUT', vlan, on)).json.dhcp_on, true);
    const other = await acceptRack(region);
    const second = await ask('PUT', vlan, { ...on, secondary_rack: other.name });
    assert.match(second.json.secondary_rack[0], /rack-2 serves no subnet of this VLAN/);
    const first = await ask('PUT', vlan, { ...on, primary_rack: other.name });
    assert.match(first.json.primary_rack[0], /rack-2 serves no subnet of this VLAN/);
  }, {}));

test('where the rack’s file has a cluster interface in the network, the refusal names file and key', () =>
  withNetworks(
    async (ask) => {
      const [{ id: subnet, vlan }] = (await ask('GET', '2.0/subnets/')).json;
      for (const refused of [
        await ask('POST', '2.0/ipranges/', { type: 'dynamic', subnet, ...BOUNDS }),
        await ask('PUT', `2.0/vlans/${vlan.id}/`, { dhcp_on: true, primary_rack: 'maas' }),
      ]) {
        assert.equal(refused.status, 409, refused.text);
        assert.match(refused.text, new RegExp(`${OWN_FILE} as cluster_interfaces\\.mine`));
      }
    },
    {},
    { cluster_interfaces: [{ name: 'mine', interface: 'eth1', ip: '10.30.0.1', network: CIDR, management: 0 }] },
  ));

test('a cluster interface of the rack in an overlapping network is named; with its key where the rack’s file has it', () =>
  withNetworks(async (ask, { region }) => {
    await acceptRack(region, { interfaces: [] });
    await beat(region, []);
    const { vlan, subnet } = await makeSubnet(ask);
    await makeRange(ask, subnet);
    const wide = [{ ...rackInterface('10.30.0.0/23'), name: 'wide' }];
    await beat(region, wide);
    const on = { dhcp_on: true, primary_rack: RACK_UUID };
    assert.match(
      (await ask('PUT', vlan, on)).json.primary_rack[0],
      /interface wide of the rack rack-2 has 10\.30\.0\.0\/23/,
    );
    await beat(region, wide, HOST, ['cluster_interfaces.wide']);
    const refused = await assertStatus(ask('PUT', vlan, on), 409);
    assert.match(refused.text, /rack-2.* cluster_interfaces\.wide/);
  }, {}));

test('a cluster interface without a range is completed by the kept one; one with a range takes its place', () =>
  withNetworks(async (ask, { region }) => {
    const { vlan, subnet } = await makeSubnet(ask);
    const range = await makeRange(ask, subnet);
    const add = (fields: object) =>
      ask('POST', '1.0/nodegroups/master/interfaces/?op=new', {
        name: 'mine',
        interface: 'eth1',
        ip: '10.30.0.2',
        subnet_mask: '255.255.255.0',
        ...fields,
      });
    await assertStatus(add({ management: 0 }), 200);
    assert.equal((await ask('GET', `2.0/ipranges/${range}/`)).json.end_ip, '10.30.0.199');
    const on = await ask('PUT', vlan, { dhcp_on: true });
    assert.equal(on.json.dhcp_on, true, on.text);
    const [entry] = region.settings.interfacesOf(OWN_UUID);
    assert.deepEqual([entry?.name, entry?.ip_range_low, entry?.management], ['mine', '10.30.0.100', 2]);
    assert.equal((await ask('GET', '2.0/ipranges/')).json[0].id, range);
    await ask('PUT', vlan, OFF);
    await assertStatus(ask('DELETE', `2.0/ipranges/${range}/`), 204);
    assert.equal(region.settings.interfacesOf(OWN_UUID).length, 1, 'a person made it');
    await assertStatus(ask('DELETE', '1.0/nodegroups/master/interfaces/mine/'), 204);
    const next = await makeRange(ask, subnet);
    await assertStatus(add({ management: 2, ip_range_low: '10.30.0.20', ip_range_high: '10.30.0.29' }), 200);
    const shown = (await ask('GET', '2.0/ipranges/')).json;
    const texts = shown.map((one: { id: number; start_ip: string; comment: string }) => [
      one.id,
      one.start_ip,
      one.comment,
    ]);
    assert.deepEqual(texts, [[next, '10.30.0.20', 'of tf']]);
  }, {}));

test('a subnet of a second network interface, its routes, and a taken name', () =>
  withNetworks(
    async (ask, { region }) => {
      await reportOwn(region, [...HOST, { interface: 'eth1.30', address: '10.31.0.1/24' }]);
      const { vlan, vlanId, subnet } = await makeSubnet(ask);
      const { json: far } = await ask('POST', '2.0/subnets/', { cidr: '10.31.0.0/24', vlan: vlanId });
      await ask('POST', '2.0/static-routes/', { source: CIDR, destination: '10.31.0.0/24', gateway_ip: '10.30.0.3' });
      await makeRange(ask, subnet);
      await ask('POST', '2.0/ipranges/', {
        type: 'dynamic',
        subnet: far.id,
        start_ip: '10.31.0.9',
        end_ip: '10.31.0.20',
      });
      const on = await ask('PUT', vlan, { dhcp_on: true, primary_rack: 'maas', mtu: 1500 });
      assert.equal(on.json.dhcp_on, true, on.text);
      assert.equal(on.json.mtu, 1500);
      const entries = region.settings.interfacesOf(OWN_UUID);
      assert.deepEqual(
        entries.map(({ name, ip }) => [name, ip]),
        [
          ['eth1-30', undefined],
          ['eth1-30-2', '10.30.0.1'],
          ['eth1-30-3', '10.31.0.1'],
        ],
      );
      assert.deepEqual(entries[1]?.options, [{ code: 121, value: [['10.31.0.0/24', '10.30.0.3']] }]);
      assert.equal(entries[2]?.options, undefined);
      const none = await ask('PUT', vlan, { dhcp_on: false });
      assert.equal(none.json.dhcp_on, false);
      assert.deepEqual(
        region.settings.interfacesOf(OWN_UUID).map(({ management }) => management),
        [0, 0, 0],
      );
    },
    { 'eth1-30': { relayed: true, network: '10.77.0.0/24', management: 0 } },
  ));

test('a remote rack serves the subnet from the answer on; a network that somebody must agree to is refused', () =>
  withNetworks(async (ask, { region }) => {
    await acceptRack(region, { interfaces: [rackInterface()] });
    const { vlan, subnet } = await makeSubnet(ask);
    const range = await makeRange(ask, subnet);
    const silent = await ask('PUT', vlan, { dhcp_on: true, primary_rack: RACK_UUID });
    assert.match(silent.json.primary_rack[0], /rack-2 has not reported/);
    await beat(region, [rackInterface()]);
    const on = await assertStatus(ask('PUT', vlan, { dhcp_on: true, primary_rack: RACK_UUID }), 200);
    assert.deepEqual([on.json.dhcp_on, on.json.primary_rack], [true, RACK_UUID]);
    assert.deepEqual((await ask('GET', vlan)).json, on.json, 'before the rack reports it');
    assert.deepEqual(region.settings.of(RACK_UUID)?.cluster_interfaces, [ENTRY]);
    await beat(region, [rackInterface(), { ...rackInterface(CIDR), name: 'eth1-30', interface: 'eth1.30' }]);
    assert.deepEqual((await ask('GET', vlan)).json, on.json);
    assert.equal((await ask('GET', `2.0/ipranges/${range}/`)).json.start_ip, BOUNDS.start_ip);
    assert.equal((await ask('PUT', vlan, OFF)).json.dhcp_on, false);
    await beat(region, [
      rackInterface(),
      { ...rackInterface(CIDR), name: 'eth1-30', interface: 'eth1.30', management: 0 },
    ]);
    await assertStatus(ask('DELETE', `2.0/ipranges/${range}/`), 204);
    const gone = await ask('DELETE', `2.0/subnets/${subnet}/`);
    assert.equal(gone.status, 204, `before the rack reports that it has no such cluster interface: ${gone.text}`);
    await beat(region, [rackInterface()], [...HOST, { interface: 'eth5', address: '11.0.0.1/8' }]);
    const { json: wide } = await ask('POST', '2.0/subnets/', { cidr: '11.0.0.0/8' });
    await ask('POST', '2.0/ipranges/', { type: 'dynamic', subnet: wide.id, start_ip: '11.0.0.9', end_ip: '11.0.0.20' });
    const refused = await ask('PUT', '2.0/vlans/5001/', { dhcp_on: true, primary_rack: RACK_UUID });
    assert.match(refused.json.primary_rack[0], /--share 11\.0\.0\.0\/8/);
  }, {}));

test('two racks do not serve one network by dhcp_on', () =>
  withNetworks(async (ask, { region }) => {
    await reportOwn(region, HOST);
    await acceptRack(region, {
      interfaces: [{ ...rackInterface(CIDR), management: 0, ip_range_low: '', ip_range_high: '' }],
    });
    const [{ id: subnet }] = (await ask('GET', '2.0/subnets/')).json;
    // It goes to the rack's cluster interface, which only the rack's file has.
    const refused = await ask('POST', '2.0/ipranges/', { type: 'dynamic', subnet, ...BOUNDS });
    assert.ok(refused.status >= 400, refused.text);
    const named = await ask('PUT', '2.0/vlans/5001/', { dhcp_on: true, primary_rack: 'maas' });
    assert.match(named.json.primary_rack[0], /maas serves no subnet of this VLAN/);
  }, {}));
