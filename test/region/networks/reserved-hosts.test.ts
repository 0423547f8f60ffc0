// Addresses that are reserved with a hardware address and a name: the host gets its address by DHCP, and the racks resolve the name.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { machine, withSite } from '../api/sent/trial.ts';
import { type Ask, withNetworks } from './network-place.ts';

const MAC = '52:54:00:00:00:77';
const RESERVE = '2.0/ipaddresses/?op=reserve';
const HOST = { address: ipv4(0x0a1400d2), mac: mac(0x525400000077), hostname: 'printer', domain: 'maas' };
const namesOf = (found: readonly { readonly fqdn: string }[]): readonly string[] => found.map(({ fqdn }) => fqdn);

const fieldsRefused = async (ask: Ask, as: 'user' | 'admin', fields: object): Promise<readonly string[]> => {
  const { status, json, text } = await ask('POST', RESERVE, fields, as);
  assert.equal(status, 400, text);
  return Object.keys(json);
};

test('the answer, the list, the racks and the names have the host and the name, until the address is released', () =>
  withNetworks(async (ask, { region }) => {
    const made = await ask('POST', RESERVE, { ip: '10.20.0.210', mac: MAC.toUpperCase(), hostname: 'Printer' }, 'user');
    assert.equal(made.status, 200, made.text);
    const { ip, hostname, domain, interface_set: nics } = made.json;
    assert.deepEqual([ip, made.json.mac, hostname, domain], ['10.20.0.210', MAC, 'printer', 'maas']);
    assert.deepEqual(
      nics.map((nic: Record<string, unknown>) => [nic.mac_address, nic.type, nic.system_id]),
      [[MAC, 'unknown', null]],
    );
    assert.deepEqual([nics[0].links[0].ip_address, nics[0].links[0].mode], ['10.20.0.210', 'static']);
    assert.deepEqual((await ask('GET', '2.0/ipaddresses/', undefined, 'user')).json, [made.json]);
    assert.deepEqual((await region.desiredState()).reserved, [HOST]);
    const [shown] = (await ask('GET', '2.0/dnsresources/')).json;
    assert.deepEqual([shown.fqdn, shown.ip_addresses[0].ip], ['printer.maas', '10.20.0.210']);
    assert.equal(Date.parse(shown.ip_addresses[0].created), Date.parse(made.json.created));
    assert.equal(shown.ip_addresses[0].subnet.cidr, '10.20.0.0/24');
    assert.deepEqual((await ask('GET', `2.0/dnsresources/${shown.id}/`)).json, shown);
    for (const [method, fields] of [
      ['PUT', { ip_addresses: '10.20.0.211' }],
      ['DELETE', {}],
    ] as const) {
      const refused = await ask(method, `2.0/dnsresources/${shown.id}/`, fields);
      assert.deepEqual([refused.status, /10\.20\.0\.210: release the address/.test(refused.text)], [409, true]);
    }
    assert.equal((await ask('POST', '2.0/ipaddresses/?op=release', { ip }, 'user')).status, 204);
    assert.equal((await region.desiredState()).reserved, undefined);
    assert.deepEqual((await ask('GET', '2.0/dnsresources/')).json, []);
  }));

test('a rack that knows the state before gets the reserved addresses with the changes, and again without them', () =>
  withNetworks(async (ask, { region }) => {
    const next = (ifNoneMatch: string | undefined) => region.stateUpdate('any', { ifNoneMatch, takesChanges: true });
    const first = await next(undefined);
    await ask('POST', RESERVE, { ip: '10.20.0.210', mac: MAC, hostname: 'printer' });
    const second = await next(first.tag);
    assert.ok(second.kind === 'state-changes', second.kind);
    assert.deepEqual([second.changes.machines, second.changes.reserved], [[], [HOST]]);
    assert.equal((await next(second.tag)).kind, 'unchanged');
    await ask('POST', '2.0/ipaddresses/?op=release', { ip: '10.20.0.210' });
    const third = await next(second.tag);
    assert.ok(third.kind === 'state-changes', third.kind);
    assert.equal(third.changes.reserved, undefined);
  }));

test('a host, or a name, alone is enough, without an address and in version 1.0', () =>
  withNetworks(async (ask, { region }) => {
    const fields = { network: '10.20.0.0/24', mac: MAC };
    const named = await ask('POST', '1.0/ipaddresses/?op=reserve', fields, 'user');
    assert.deepEqual([named.json.ip, named.json.mac, named.json.hostname], ['10.20.0.2', MAC, undefined], named.text);
    const alone = await ask('POST', RESERVE, { subnet: '10.20.0.0/24', hostname: 'nas.maas' }, 'user');
    assert.deepEqual([alone.json.ip, alone.json.mac, alone.json.hostname], ['10.20.0.3', undefined, 'nas'], alone.text);
    assert.deepEqual(alone.json.interface_set, []);
    assert.deepEqual((await region.desiredState()).reserved, [
      { address: ipv4(0x0a140002), mac: HOST.mac },
      { address: ipv4(0x0a140003), hostname: 'nas', domain: 'maas' },
    ]);
  }));

test('a wrong or taken host or name is refused by its field', () =>
  withNetworks(async (ask) => {
    await ask('POST', '2.0/devices/', { hostname: 'scanner', mac_addresses: '52:54:00:00:00:0a' }, 'other');
    await ask('POST', '2.0/dnsresources/', { fqdn: 'www.maas', ip_addresses: '10.20.0.40' });
    await ask('POST', '2.0/domains/', { name: 'lab' });
    assert.equal((await ask('POST', RESERVE, { ip: '10.20.0.210', mac: MAC, hostname: 'printer' })).status, 200);
    for (const [fields, names] of [
      [{ mac: 'x' }, ['mac']],
      [{ mac: 'ff:ff:ff:ff:ff:ff' }, ['mac']],
      [{ mac: '01:00:5e:00:00:01', hostname: '-' }, ['mac']],
      [{ mac: MAC }, ['mac']],
      [{ mac: '52:54:00:00:00:0a' }, ['mac']],
      [{ hostname: 'under_score' }, ['hostname']],
      [{ hostname: 'x'.repeat(64) }, ['hostname']],
      [{ hostname: 'nas.elsewhere' }, ['hostname']],
      [{ hostname: 'printer' }, ['hostname']],
      [{ hostname: 'scanner' }, ['hostname']],
      [{ hostname: 'www' }, ['hostname']],
    ] as const)
      assert.deepEqual(
        await fieldsRefused(ask, 'user', { ip: '10.20.0.211', ...fields }),
        names,
        JSON.stringify(fields),
      );
    assert.equal((await ask('POST', RESERVE, { ip: '10.20.0.211', hostname: 'nas.lab' }, 'user')).status, 403);
    assert.deepEqual(await fieldsRefused(ask, 'admin', { ip: 'x', mac: 'x' }), ['ip', 'mac']);
    const taken = await ask('POST', '2.0/dnsresources/', { fqdn: 'printer.maas', ip_addresses: '10.20.0.41' });
    assert.deepEqual(Object.keys(taken.json), ['name']);
    const all: readonly { readonly ip: string }[] = (await ask('GET', '2.0/ipaddresses/?', { all: 1 })).json;
    assert.deepEqual(
      all.map(({ ip }) => ip),
      ['10.20.0.40', '10.20.0.210'],
      'those of www.maas and printer.maas',
    );
  }));

test('a domain is renamed with the names of reserved addresses, and is not deleted while it has them', () =>
  withNetworks(async (ask, { region }) => {
    const lab = (await ask('POST', '2.0/domains/', { name: 'lab' })).json;
    assert.equal((await ask('POST', RESERVE, { ip: '10.20.0.210', hostname: 'nas.lab' })).status, 200);
    const renamed = await ask('PUT', `2.0/domains/${lab.id}/`, { name: 'hall' });
    assert.equal(renamed.json.name, 'hall', renamed.text);
    assert.deepEqual(namesOf((await ask('GET', '2.0/dnsresources/')).json), ['nas.hall']);
    assert.deepEqual((await region.desiredState()).reserved?.[0]?.domain, 'hall');
    const kept = await ask('DELETE', `2.0/domains/${renamed.json.id}/`);
    assert.deepEqual([kept.status, /has the names of 1 reserved address: release them/.test(kept.text)], [409, true]);
    await ask('POST', '2.0/ipaddresses/?op=release', { ip: '10.20.0.210' });
    assert.equal((await ask('DELETE', `2.0/domains/${renamed.json.id}/`)).status, 204);
  }));

test('the owner of a machine and administrators reserve for its interface, and the machine is allocated that address', () =>
  withSite(async (site) => {
    const systemId = await machine(site, 'ready', { owner: undefined });
    const [nic] = (await site.ask('GET', `2.0/nodes/${systemId}/interfaces/`)).json;
    const fields = { ip: '10.20.0.60', mac: nic.mac_address, hostname: 'db' };
    const refused = await site.ask('POST', RESERVE, fields, 'alice');
    assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['mac']], refused.text);
    const made = await site.ask('POST', RESERVE, fields);
    assert.deepEqual([made.status, made.json.mac, made.json.hostname], [200, nic.mac_address, 'db'], made.text);
    const allocated = await site.ask('POST', '2.0/machines/?op=allocate', { system_id: systemId });
    assert.deepEqual(allocated.json.ip_addresses, ['10.20.0.60'], allocated.text);
    const other = await machine(site, 'ready', {}, 11);
    const next = await site.ask('POST', '2.0/machines/?op=allocate', { system_id: other });
    assert.deepEqual(next.json.ip_addresses, ['10.20.0.10'], next.text);
    assert.equal((await site.ask('POST', '2.0/ipaddresses/?op=release', { ip: '10.20.0.60' })).status, 204);
    const again = await site.ask('POST', RESERVE, { subnet: '10.20.0.0/24', mac: nic.mac_address });
    assert.deepEqual(Object.keys(again.json), ['mac'], 'it has an address');
  }));

test('another user’s device is not given the address that is reserved for its interface; the user’s own is, and an administrator gives it', () =>
  withSite(async ({ ask }) => {
    const [first, second] = [MAC, '52:54:00:00:00:78'];
    for (const mac of [first, second])
      assert.equal((await ask('POST', RESERVE, { subnet: '10.20.0.0/24', mac }, 'bob')).status, 200);
    const nicOf = async (mac: string, by: 'alice' | 'bob'): Promise<string> => {
      const { system_id: id } = (await ask('POST', '2.0/devices/', { mac_addresses: mac }, by)).json;
      const [nic] = (await ask('GET', `2.0/nodes/${id}/interfaces/`, undefined, by)).json;
      return `2.0/nodes/${id}/interfaces/${nic.id}/`;
    };
    const foreign = await nicOf(first, 'alice');
    const link = { subnet: '10.20.0.0/24', mode: 'STATIC' };
    for (const fields of [link, { ...link, mode: 'AUTO' }, { ...link, ip_address: '10.20.0.2' }]) {
      const refused = await ask('POST', `${foreign}?op=link_subnet`, fields, 'alice');
      assert.deepEqual([refused.status, refused.text.includes(`reserved 10.20.0.2 for ${first}`)], [409, true]);
    }
    const other = await nicOf('52:54:00:00:00:79', 'alice');
    const moved = await ask('PUT', other, { mac_address: second }, 'alice');
    assert.deepEqual([moved.status, moved.text.includes(`reserved 10.20.0.3 for ${second}`)], [409, true], moved.text);
    const given = await ask('POST', `${foreign}?op=link_subnet`, link);
    assert.deepEqual([given.status, given.json.links?.[0]?.ip_address], [200, '10.20.0.2'], given.text);
    const own = await ask('POST', `${await nicOf(second, 'bob')}?op=link_subnet`, link, 'bob');
    assert.deepEqual([own.status, own.json.links?.[0]?.ip_address], [200, '10.20.0.3'], own.text);
    assert.equal(
      (await ask('POST', `${other}?op=link_subnet`, link, 'alice')).json.links?.[0]?.ip_address,
      '10.20.0.4',
    );
  }));

test('a machine that comes after a reservation for its interface is allocated that address only to its user, or if an administrator reserved it', () =>
  withSite(async (site) => {
    const { ask } = site;
    const reserve = async (last: number, by: 'admin' | 'bob', fields: object = {}): Promise<string> => {
      const mac = `52:54:00:00:00:${last.toString(16).padStart(2, '0')}`;
      const made = await ask('POST', RESERVE, { subnet: '10.20.0.0/24', mac, ...fields }, by);
      assert.equal(made.status, 200, made.text);
      return made.json.ip;
    };
    const allocate = async (last: number, by: 'alice' | 'bob') => {
      const systemId = await machine(site, 'ready', {}, last);
      const { json, text } = await ask('POST', '2.0/machines/?op=allocate', { system_id: systemId }, by);
      assert.equal(json.ip_addresses?.length, 1, text);
      return { systemId, address: json.ip_addresses[0] };
    };
    const [foreign, own, byAdmin] = [
      await reserve(0x20, 'bob', { hostname: 'printer' }),
      await reserve(0x22, 'bob'),
      await reserve(0x24, 'admin'),
    ];
    assert.deepEqual([foreign, own, byAdmin], ['10.20.0.2', '10.20.0.3', '10.20.0.10']);
    const { systemId, address } = await allocate(0x20, 'alice');
    assert.equal(address, '10.20.0.11');
    assert.equal((await allocate(0x22, 'bob')).address, own);
    assert.equal((await allocate(0x24, 'alice')).address, byAdmin);
    const [shown] = (await ask('GET', '2.0/dnsresources/')).json;
    assert.deepEqual([shown.fqdn, shown.ip_addresses.map(({ ip }: { ip: string }) => ip)], ['printer.maas', [foreign]]);
    const names = (await site.place.region.desiredState()).machines.find((one) => one.systemId === systemId);
    assert.deepEqual(
      names?.addresses.map((one) => one.address),
      [ipv4(0x0a14000b)],
    );
    // A layout chooses by the same rule, even if an administrator links the machine of a user.
    const kept = await reserve(0x40, 'bob');
    const later = await machine(site, 'ready', {}, 0x40);
    const [nic] = (await ask('GET', `2.0/nodes/${later}/interfaces/`)).json;
    const link = { subnet: '10.20.0.0/24', mode: 'STATIC' };
    const linked = await ask('POST', `2.0/nodes/${later}/interfaces/${nic.id}/?op=link_subnet`, link);
    assert.equal(linked.status, 200, linked.text);
    assert.notEqual(linked.json.links.find((one: { mode: string }) => one.mode === 'static')?.ip_address, kept);
  }));
