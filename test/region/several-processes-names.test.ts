// Domains, DNS names and cluster interfaces that requests at two processes of one region change at the same time, and names of machines and
// devices that depend on them, on a real PostgreSQL server.
// @host waits, 30 s

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { missing } from '../support/needs.ts';
import type { LiveRegion } from './live.ts';
import { acceptRack } from './racks/rack-place.ts';
import { ask, TwoProcesses } from './two-processes.ts';

/** Of a host that a request adds. */
const MAC = '52:54:00:00:00:03';

let place: TwoProcesses;
let first: LiveRegion;
let second: LiveRegion;

describe('names at two processes of one region', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  before(async () => {
    place = await TwoProcesses.start();
    ({ first, second } = place);
  });
  after(() => place?.close());
  beforeEach(clearSettings);

  async function clearSettings(): Promise<void> {
    await first.region.settings.load();
    const edits = first.region.settings.list().map(({ key }) => ({ key, value: undefined }));
    if (edits.length > 0) assert.equal(await first.region.settings.change('', edits, 'admin'), undefined);
  }

  const atOnce: TwoProcesses['atOnce'] = (...requests) => place.atOnce(...requests);
  const addDomain = (at: LiveRegion, name: string) => () => ask(at, 'POST', 'domains/', { name });

  async function namesOf(path: 'domains/' | 'dnsresources/', field: 'name' | 'fqdn'): Promise<readonly unknown[]> {
    const list: readonly Readonly<Record<string, unknown>>[] = JSON.parse(await (await ask(first, 'GET', path)).text());
    return list.map((one) => one[field]).toSorted();
  }
  const domains = () => namesOf('domains/', 'name');

  test('domains that are added while another one is made the default are kept', async () => {
    for (const name of ['a', 'b']) await addDomain(first, name)();
    const statuses = await atOnce(
      addDomain(first, 'c'),
      () => ask(second, 'POST', 'domains/a/?op=set_default'),
      addDomain(first, 'd'),
      () => ask(first, 'POST', 'domains/b/?op=set_default'),
      addDomain(second, 'e'),
      addDomain(second, 'f'),
    );
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 200]);
    assert.deepEqual(await domains(), ['a', 'b', 'c', 'd', 'e', 'f', 'maas']);
  });

  test('of several requests that add one domain at the same time, or give its name to another one, one is fulfilled', async () => {
    const added = await atOnce(...[first, second, first, second].map((at) => addDomain(at, 'a')));
    assert.deepEqual(added.toSorted(), [200, 400, 400, 400]);
    await addDomain(first, 'b')();
    const renamed = await atOnce(
      () => ask(first, 'PUT', 'domains/a/', { name: 'c' }),
      () => ask(second, 'PUT', 'domains/b/', { name: 'c' }),
    );
    assert.deepEqual(renamed.toSorted(), [200, 400]);
    assert.equal((await domains()).filter((name) => name === 'c').length, 1);
  });

  test('a domain that another request renames or deletes meanwhile is neither renamed nor made the default', async () => {
    for (const [name, change] of [
      ['a', () => ask(first, 'PUT', 'domains/a/', { name: 'new' })],
      ['b', () => ask(first, 'POST', 'domains/b/?op=set_default')],
    ] as const) {
      await addDomain(first, name)();
      const kept = (await domains()).length;
      const [changed, removed] = await atOnce(change, () => ask(second, 'DELETE', `domains/${name}/`));
      const expected = changed === 200 ? [200, name === 'a' ? 404 : 409, kept] : [404, 204, kept - 1];
      assert.deepEqual([changed, removed, (await domains()).length], expected);
    }
  });

  test('a domain with a name that is added at the same time is not deleted', async () => {
    const makers: readonly ((at: LiveRegion, fqdn: string) => Promise<Response>)[] = [
      (at, fqdn) => ask(at, 'POST', 'dnsresources/', { fqdn, ip_addresses: '10.1.1.1' }),
      (at, fqdn) => ask(at, 'POST', 'dnsresourcerecords/', { fqdn, rrtype: 'TXT', rrdata: 'x' }),
      async (at, fqdn) => {
        const [old] = JSON.parse(await (await ask(at, 'GET', 'dnsresources/?fqdn=old.maas')).text());
        return ask(at, 'PUT', `dnsresources/${old.id}/`, { fqdn });
      },
    ];
    for (const [index, make] of makers.entries()) {
      const domain = `d${index}`;
      await addDomain(first, domain)();
      await ask(first, 'POST', 'dnsresources/', { fqdn: 'old.maas', ip_addresses: '10.1.1.1' });
      const [removed, made] = await atOnce(
        () => ask(first, 'DELETE', `domains/${domain}/`),
        () => make(second, `w.${domain}`),
      );
      assert.ok((removed === 204 && made === 400) || (removed === 409 && made === 200), `${removed} ${made}`);
      assert.equal((await namesOf('dnsresources/', 'fqdn')).includes(`w.${domain}`), made === 200);
    }
  });

  test('a name or a record that another request deletes meanwhile is not there to be changed', async () => {
    for (const [path, fields, change] of [
      ['dnsresources', { ip_addresses: '10.1.1.1' }, { fqdn: 'new.maas' }],
      ['dnsresourcerecords', { rrtype: 'TXT', rrdata: 'x' }, { rrdata: 'y' }],
    ] as const) {
      const made = await (await ask(first, 'POST', `${path}/`, { fqdn: 'old.maas', ...fields })).text();
      const { id }: { readonly id: number } = JSON.parse(made);
      const removals = await atOnce(
        () => ask(first, 'DELETE', `${path}/${id}/`),
        () => ask(second, 'DELETE', `${path}/${id}/`),
        () => ask(second, 'PUT', `${path}/${id}/`, { ...change }),
      );
      assert.deepEqual([removals[0], removals[1]].toSorted(), [204, 404], path);
      assert.ok(removals[2] === 200 || removals[2] === 404, `${path} ${removals}`);
    }
  });

  test('of two requests that add one DNS name at the same time, or give it to another name, one is refused', async () => {
    const add = (at: LiveRegion, fqdn: string, address: string) => () =>
      ask(at, 'POST', 'dnsresources/', { fqdn, ip_addresses: address });
    const added = await atOnce(add(first, 'www.maas', '10.1.1.1'), add(second, 'www.maas', '10.1.1.2'));
    assert.deepEqual(added.toSorted(), [200, 400]);
    const ids: number[] = [];
    for (const name of ['one.maas', 'two.maas']) {
      const { id }: { readonly id: number } = JSON.parse(await (await add(first, name, '10.1.1.3')()).text());
      ids.push(id);
    }
    const renamed = await atOnce(
      () => ask(first, 'PUT', `dnsresources/${ids[0]}/`, { fqdn: 'new.maas' }),
      () => ask(second, 'PUT', `dnsresources/${ids[1]}/`, { fqdn: 'new.maas' }),
    );
    assert.deepEqual(renamed.toSorted(), [200, 400]);
  });

  const addDevice = (at: LiveRegion, fields: Readonly<Record<string, string>>) =>
    ask(at, 'POST', 'devices/', { mac_addresses: '52:54:00:00:00:01', ...fields });
  const addMachine = (at: LiveRegion, fields: Readonly<Record<string, string>>) =>
    ask(at, 'POST', 'machines/', {
      mac_addresses: '52:54:00:00:00:02',
      architecture: 'amd64',
      commission: 'false',
      ...fields,
    });
  const addAlias = (at: LiveRegion, fqdn: string) =>
    ask(at, 'POST', 'dnsresourcerecords/', { fqdn, rrtype: 'CNAME', rrdata: 'elsewhere.example.' });
  const reserve = (at: LiveRegion, hostname: string) =>
    ask(at, 'POST', 'ipaddresses/?op=reserve', { subnet: '10.77.0.0/24', hostname });

  /** Removes the machines, the devices and the reserved addresses. */
  async function clear(): Promise<void> {
    const read = async (path: string) => JSON.parse(await (await ask(first, 'GET', path)).text());
    for (const { system_id: id } of await read('devices/')) await ask(first, 'DELETE', `devices/${id}/`);
    for (const { system_id: id } of await read('machines/')) await ask(first, 'DELETE', `machines/${id}/`);
    for (const { ip } of await read('ipaddresses/')) await ask(first, 'POST', 'ipaddresses/?op=release', { ip });
  }

  test('a process names machines and devices by what another one has just stored of domains and records', async () => {
    await clear();
    const idOf = async (answer: Response): Promise<string> => JSON.parse(await answer.text()).system_id;
    const machine = await idOf(await addMachine(first, { hostname: 'host' }));
    const device = await idOf(await addDevice(first, { hostname: 'desk' }));
    const change = (path: string, fields: Readonly<Record<string, string>>) => ask(second, 'PUT', path, fields);
    const ways: readonly (readonly [name: string, way: (domain: string, label: string) => Promise<Response>])[] = [
      ['a new machine', (domain, label) => addMachine(second, { mac_addresses: MAC, hostname: `${label}.${domain}` })],
      ['a new device', (domain, hostname) => addDevice(second, { mac_addresses: MAC, hostname, domain })],
      ['a machine', (domain, hostname) => change(`machines/${machine}/`, { hostname, domain })],
      ['a device', (domain, hostname) => change(`devices/${device}/`, { hostname, domain })],
    ];
    for (const [index, [name, way]] of ways.entries()) {
      const [domain, label] = [`d${index}`, `n${index}`];
      await addDomain(first, domain)();
      assert.equal((await way(domain, label)).status, 200, `${name} in a new domain`);
      await addAlias(first, `alias.${domain}`);
      assert.equal((await way(domain, 'alias')).status, 400, `${name} with the name of a record`);
      await addDomain(first, `gone${index}`)();
      assert.equal((await ask(first, 'DELETE', `domains/gone${index}/`)).status, 204);
      assert.equal((await way(`gone${index}`, label)).status, 400, `${name} in a domain that is gone`);
      for (const [kind, id] of [['devices', device] as const, ['machines', machine] as const])
        for (const { system_id: other } of JSON.parse(await (await ask(first, 'GET', `${kind}/`)).text()))
          if (other !== id) await ask(first, 'DELETE', `${kind}/${other}/`);
    }
    await ask(first, 'POST', 'domains/d0/?op=set_default');
    const made = await addDevice(second, { mac_addresses: MAC });
    assert.equal(JSON.parse(await made.text()).domain.name, 'd0');
    await clear();
  });

  test('of a domain that is deleted, or a CNAME that is added, and a host with its name at the same time, one is refused', async () => {
    await clear();
    assert.equal((await ask(first, 'POST', 'subnets/', { cidr: '10.77.0.0/24' })).status, 200);
    const makers: readonly (readonly [name: string, make: (at: LiveRegion, fqdn: string) => Promise<Response>])[] = [
      ['device', (at, hostname) => addDevice(at, { hostname })],
      ['machine', (at, hostname) => addMachine(at, { hostname })],
      ['reserved address', reserve],
    ];
    for (const [name, make] of makers)
      for (const at of [first, second]) {
        await addDomain(first, 'short')();
        const [removed, made] = await atOnce(
          () => ask(first, 'DELETE', 'domains/short/'),
          () => make(at, 'w.short'),
        );
        const isOne = (removed === 204 && made === 400) || (removed === 409 && made === 200);
        assert.ok(isOne, `deleted domain, ${name}: ${removed} ${made}`);
        await clear();
        const statuses = await atOnce(
          () => addAlias(first, `${at === first ? 'one' : 'two'}.maas`),
          () => make(at, `${at === first ? 'one' : 'two'}.maas`),
        );
        assert.deepEqual(statuses.toSorted(), [200, 400], `CNAME, ${name}`);
        await clear();
        await clearSettings();
      }
  });

  const LAB = {
    name: 'lab',
    interface: 'eth1',
    ip: '10.20.0.1',
    subnet_mask: '255.255.255.0',
    management: '1',
    ip_range_low: '10.20.0.100',
    ip_range_high: '10.20.0.120',
  };

  test('changes of different fields of one cluster interface at the same time are all kept, and a name is given once', async () => {
    const rack = await acceptRack(first.region);
    const path = `1.0/nodegroups/${rack.uuid}/interfaces/`;
    const entry = async (name: string) => JSON.parse(await (await ask(second, 'GET', `${path}${name}/`)).text());
    const added = await atOnce(
      () => ask(first, 'POST', `${path}?op=new`, LAB),
      () => ask(second, 'POST', `${path}?op=new`, LAB),
    );
    assert.deepEqual(added.toSorted(), [200, 400]);
    const changed = await atOnce(
      () => ask(first, 'PUT', `${path}lab/`, { ip_range_high: '10.20.0.130' }),
      () => ask(second, 'PUT', `${path}lab/`, { ip_range_low: '10.20.0.90' }),
      () => ask(second, 'PUT', `${path}lab/`, { name: 'site' }),
    );
    assert.ok(changed.includes(200), `${changed}`);
    const kept = await entry('site');
    // A change that came after the new name is refused.
    assert.deepEqual(
      [kept.ip_range_high, kept.ip_range_low],
      [changed[0] === 200 ? '10.20.0.130' : '10.20.0.120', changed[1] === 200 ? '10.20.0.90' : '10.20.0.100'],
    );
  });
});
