// Domains, names and records by the API: they are the settings that every rack serves.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { assertStatus } from '../../support/answered.ts';
import { type CallersPlace, SUBNET_ID, withCallers } from './callers-place.ts';

const keysOf = (value: object): readonly string[] => Object.keys(value).toSorted();
const recordsOf = ({ region }: CallersPlace) => region.settings.of('a-remote-rack')?.dns;

test('a domain is added, read, renamed, made the default and deleted', () =>
  withCallers(async (place) => {
    const { ask, region, systemId } = place;
    const [own] = (await ask('alice', 'GET', 'domains/')).json;
    assert.deepEqual(keysOf(own), 'authoritative id is_default name resource_record_count resource_uri ttl'.split(' '));
    assert.deepEqual([own.id, own.name, own.is_default], [0, 'maas', true]);
    const made = await assertStatus(ask('root', 'POST', 'domains/', { name: 'Lab.Example' }), 200);
    assert.deepEqual([made.json.name, made.json.is_default], ['lab.example', false]);
    assert.deepEqual((await ask('alice', 'GET', `domains/${made.json.id}/`)).json, made.json);
    assert.deepEqual(keysOf((await ask('root', 'POST', 'domains/', { name: 'lab.example' })).json), ['name']);
    assert.deepEqual(keysOf((await ask('root', 'POST', 'domains/', { name: 'a b' })).json), ['name']);
    const moved = await ask('root', 'PUT', `domains/${made.json.id}/`, { name: 'site.example' });
    assert.deepEqual([moved.json.id, moved.json.name], [made.json.id, 'site.example'], 'it keeps its id');
    assert.deepEqual((await ask('alice', 'GET', `domains/${made.json.id}/`)).json, moved.json);
    assert.equal((await ask('root', 'PUT', 'domains/0/', { name: 'x.example' })).refusal, 'domain-in-use');
    const chosen = await ask('root', 'POST', `domains/${moved.json.id}/?op=set_default`);
    assert.deepEqual([chosen.json.id, chosen.json.is_default], [made.json.id, true]);
    assert.deepEqual((await ask('alice', 'GET', 'domains/maas/')).json, { ...own, is_default: false });
    assert.equal((await ask('alice', 'GET', `domains/0/`)).json.name, 'maas');
    assert.equal(region.settings.valueOf('dns.domain'), 'site.example');
    assert.equal((await ask('root', 'DELETE', 'domains/site.example/')).refusal, 'domain-in-use');
    await ask('root', 'PUT', `machines/${systemId}/`, { domain: 'site.example' });
    await assertStatus(ask('root', 'DELETE', 'domains/maas/'), 204);
    assert.deepEqual((await ask('alice', 'GET', 'domains/')).json.length, 1);
    await assertStatus(ask('alice', 'GET', 'domains/maas/'), 404);
  }));

test('an id always means the same domain, whatever domains are added, renamed, deleted or made the default', () =>
  withCallers(async ({ ask, region, systemId }) => {
    const add = async (name: string): Promise<number> => (await ask('root', 'POST', 'domains/', { name })).json.id;
    const [first, second] = [await add('a.example'), await add('b.example')];
    await ask('root', 'PUT', `domains/${first}/`, { name: 'c.example' });
    const again = await add('a.example');
    const names = async (): Promise<Readonly<Record<string, unknown>>> => {
      const { json } = await ask('alice', 'GET', 'domains/');
      return Object.fromEntries(json.map(({ id, name }: { id: number; name: string }) => [id, name]));
    };
    const all = { 0: 'maas', [first]: 'c.example', [second]: 'b.example', [again]: 'a.example' };
    assert.deepEqual(await names(), all);
    for (const id of [first, again, 0, second]) {
      assert.equal((await ask('root', 'POST', `domains/${id}/?op=set_default`)).json.id, id);
      assert.deepEqual(await names(), all);
    }
    await ask('root', 'PUT', `machines/${systemId}/`, { domain: 'b.example' });
    await assertStatus(ask('root', 'DELETE', 'domains/0/'), 204);
    const { 0: _gone, ...left } = all;
    assert.deepEqual(await names(), left);
    await ask('root', 'POST', 'dnsresources/', { name: 'web', domain: String(first), ip_addresses: '10.20.0.5' });
    assert.equal((await ask('alice', 'GET', `dnsresources/?domain=${first}`)).json[0].fqdn, 'web.c.example');
    assert.deepEqual(region.settings.of('a-remote-rack')?.dns, {
      domain: 'b.example',
      domains: ['b.example', { name: 'a.example', id: again }, { name: 'c.example', id: first }],
      records: (await ask('alice', 'GET', `dnsresources/?domain=${first}`)).json.map(({ id }: { id: number }) => {
        return { id, name: 'web.c.example', type: 'A', data: '10.20.0.5' };
      }),
    });
  }));

test('a name that gets another label stays in its domain, and one that gets another domain keeps its label', () =>
  withCallers(async ({ ask }) => {
    for (const name of ['lab', 'site']) await ask('root', 'POST', 'domains/', { name });
    const made = await ask('root', 'POST', 'dnsresources/', { fqdn: 'a.b.lab', ip_addresses: '10.20.0.5' });
    const change = async (fields: Readonly<Record<string, string>>): Promise<unknown> =>
      (await ask('root', 'PUT', `dnsresources/${made.json.id}/`, fields)).json.fqdn;
    assert.equal(await change({ name: 'web' }), 'web.lab');
    assert.equal(await change({ domain: 'site' }), 'web.site');
    assert.equal(await change({ address_ttl: '60' }), 'web.site');
    assert.equal(await change({ name: '@' }), 'site');
    assert.equal(await change({ domain: 'lab' }), 'lab');
    assert.equal(await change({ name: 'c', domain: 'maas' }), 'c.maas');
  }));

test('the records of a domain are renamed with it, and those of other domains are not', () =>
  withCallers(async (place) => {
    const { ask } = place;
    for (const name of ['lab', 'x.lab', 'collab']) await ask('root', 'POST', 'domains/', { name });
    for (const fqdn of ['web.lab', 'web.x.lab', 'web.collab', 'web.maas'])
      await ask('root', 'POST', 'dnsresources/', { fqdn, ip_addresses: '10.20.0.5' });
    const renamed = await ask('root', 'PUT', 'domains/lab/', { name: 'site.example' });
    assert.deepEqual([renamed.status, renamed.json.resource_record_count], [200, 1], renamed.text);
    const names = (await ask('alice', 'GET', 'dnsresources/')).json.map(({ fqdn }: { readonly fqdn: string }) => fqdn);
    assert.deepEqual(names.toSorted(), ['web.collab', 'web.maas', 'web.site.example', 'web.x.lab']);
    const long = Array(4).fill('a'.repeat(62)).join('.');
    await assertStatus(ask('root', 'PUT', 'domains/site.example/', { name: long }), 400);
    assert.equal((await ask('alice', 'GET', 'domains/site.example/')).json.resource_record_count, 1);
  }));

test('a domain is renamed with its machines and devices, of which the racks hear', () =>
  withCallers(async (place) => {
    const { ask, systemId, store, region } = place;
    const { id } = (await ask('root', 'POST', 'domains/', { name: 'old.example' })).json;
    await ask('root', 'PUT', `machines/${systemId}/`, { hostname: 'm1', domain: 'old.example' });
    const given = { hostname: 'd1', mac_addresses: '52:54:00:00:00:09', domain: 'old.example' };
    const device = (await ask('root', 'POST', 'devices/', given)).json.system_id;
    const version = await region.store.desiredVersion();
    await assertStatus(ask('root', 'PUT', `domains/${id}/`, { name: 'new.example' }), 200);
    for (const [path, fqdn] of [
      [`machines/${systemId}/`, 'm1.new.example'],
      [`devices/${device}/`, 'd1.new.example'],
    ]) {
      const { json } = await ask('root', 'GET', path ?? '');
      assert.deepEqual([json.fqdn, json.domain.id, json.domain.name], [fqdn, id, 'new.example']);
    }
    assert.equal((await ask('root', 'GET', 'machines/?domain=new.example')).json.length, 1);
    assert.equal((await ask('root', 'GET', 'machines/?domain=old.example')).json.length, 0);
    const heard = await store.listMachinesForRacks(version, 0, 10);
    assert.deepEqual(heard.map(({ hostname, domain }) => `${hostname}.${domain}`).toSorted(), [
      'd1.new.example',
      'm1.new.example',
    ]);
    await ask('root', 'PUT', `machines/${systemId}/`, { hostname: 'm'.repeat(60) });
    const long = `${'abc.'.repeat(49)}abcd`;
    const refused = await ask('root', 'PUT', `domains/${id}/`, { name: long });
    assert.deepEqual([refused.status, keysOf(refused.json)], [400, ['name']]);
    assert.equal((await ask('root', 'GET', `domains/${id}/`)).json.name, 'new.example', 'nothing was renamed');
    assert.equal((await ask('root', 'GET', `machines/${systemId}/`)).json.domain.name, 'new.example');
  }));

test('a renaming moves more machines than one step of it', () =>
  withCallers(async ({ ask, region }) => {
    const { id } = (await ask('root', 'POST', 'domains/', { name: 'old' })).json;
    const mac = (index: number) =>
      `52:54:00:00:${(16 + (index >> 8)).toString(16)}:${(index & 255).toString(16).padStart(2, '0')}`;
    for (let index = 0; index < 300; index++) {
      await ask('root', 'POST', 'devices/', { mac_addresses: mac(index), domain: 'old' });
    }
    await assertStatus(ask('root', 'PUT', `domains/${id}/`, { name: 'new' }), 200);
    const count = (domain: string) => region.store.countMachines({ domains: [domain], isDevice: true });
    assert.deepEqual([await count('old'), await count('new')], [0, 300]);
  }));

test('a domain with machines or devices is not deleted, and the refusal names some of them', () =>
  withCallers(async ({ ask, systemId }) => {
    const { id } = (await ask('root', 'POST', 'domains/', { name: 'lab' })).json;
    await ask('root', 'PUT', `machines/${systemId}/`, { hostname: 'm1', domain: 'lab' });
    for (let index = 1; index < 7; index++) {
      const mac_addresses = `52:54:00:00:01:0${index}`;
      await ask('root', 'POST', 'devices/', { hostname: `d${index}`, mac_addresses, domain: 'lab' });
    }
    const refused = await ask('root', 'DELETE', `domains/${id}/`);
    assert.deepEqual([refused.status, refused.refusal], [409, 'domain-in-use']);
    assert.match(refused.text, /lab has 7 machines and devices: m1, d1, d2, d3, d4 and 2 more\./);
    await assertStatus(ask('root', 'GET', `domains/${id}/`), 200);
    for (const { system_id } of (await ask('root', 'GET', 'devices/')).json) {
      await ask('root', 'PUT', `devices/${system_id}/`, { domain: 'maas' });
    }
    assert.match((await ask('root', 'DELETE', `domains/${id}/`)).text, /lab has 1 machine or device: m1\. /);
    await ask('root', 'PUT', `machines/${systemId}/`, { domain: 'maas' });
    await assertStatus(ask('root', 'DELETE', `domains/${id}/`), 204);
  }));

test('a name with its addresses is added, changed and deleted, and is a setting of every rack', () =>
  withCallers(async (place) => {
    const { ask } = place;
    const made = await assertStatus(
      ask('root', 'POST', 'dnsresources/', { name: 'web', ip_addresses: '10.20.0.5 10.20.0.6' }),
      200,
    );
    const { id } = made.json;
    assert.deepEqual(keysOf(made.json), [
      'address_ttl',
      'fqdn',
      'id',
      'ip_addresses',
      'resource_records',
      'resource_uri',
    ]);
    assert.deepEqual(
      made.json.ip_addresses.map(({ ip }: { readonly ip: string }) => ip),
      ['10.20.0.5', '10.20.0.6'],
    );
    assert.deepEqual(recordsOf(place), {
      records: ['10.20.0.5', '10.20.0.6'].map((data, index) => ({ id: id + index, name: 'web.maas', type: 'A', data })),
    });
    assert.deepEqual(
      keysOf((await ask('root', 'POST', 'dnsresources/', { fqdn: 'web.maas', ip_addresses: '10.20.0.7' })).json),
      ['name'],
    );
    const changed = await ask('root', 'PUT', `dnsresources/${id}/`, {
      name: 'www',
      ip_addresses: '10.20.0.9',
      address_ttl: '60',
    });
    assert.deepEqual([changed.json.id, changed.json.fqdn, changed.json.address_ttl], [id, 'www.maas', 60]);
    assert.deepEqual((await ask('alice', 'GET', `dnsresources/${id}/`)).json, changed.json);
    const misfits: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
      [{ name: 'x', ip_addresses: '10.20.0' }, 'ip_addresses'],
      [{ name: 'x', domain: 'elsewhere', ip_addresses: '10.20.0.5' }, 'domain'],
      [{ fqdn: 'x.elsewhere', ip_addresses: '10.20.0.5' }, 'fqdn'],
      [{ ip_addresses: '10.20.0.5' }, 'name'],
      [{ name: 'x y', ip_addresses: '10.20.0.5' }, 'name'],
      [{ name: 'x', ip_addresses: '10.20.0.5', address_ttl: '-1' }, 'address_ttl'],
    ];
    for (const [fields, field] of misfits)
      assert.deepEqual(keysOf((await ask('root', 'POST', 'dnsresources/', fields)).json), [field]);
    await assertStatus(ask('root', 'DELETE', `dnsresources/${id}/`), 204);
    await assertStatus(ask('root', 'DELETE', `dnsresources/${id}/`), 404);
    assert.deepEqual((await ask('alice', 'GET', 'dnsresources/')).json, []);
  }));

test('a record is added, changed and deleted; data that does not fit its type is refused', () =>
  withCallers(async ({ ask }) => {
    const made = await assertStatus(
      ask('root', 'POST', 'dnsresourcerecords/', {
        fqdn: 'maas',
        rrtype: 'mx',
        rrdata: '10 mail.maas',
        ttl: '300',
      }),
      200,
    );
    assert.deepEqual(made.json, {
      id: made.json.id,
      fqdn: 'maas',
      rrtype: 'MX',
      rrdata: '10 mail.maas',
      ttl: 300,
      resource_uri: `/MAAS/api/2.0/dnsresourcerecords/${made.json.id}/`,
    });
    const second = await ask('root', 'POST', 'dnsresourcerecords/', {
      name: '@',
      rrtype: 'MX',
      rrdata: '20 other.maas',
    });
    const place = `dnsresourcerecords/${second.json.id}/`;
    assert.equal((await ask('root', 'PUT', place, { rrdata: '30 other.maas', ttl: '9' })).json.rrdata, '30 other.maas');
    assert.deepEqual((await ask('alice', 'GET', 'dnsresourcerecords/?rrtype=MX&domain=0')).json.length, 2);
    assert.deepEqual((await ask('alice', 'GET', 'dnsresourcerecords/?rrtype=TXT')).json, []);
    assert.equal((await ask('alice', 'GET', 'domains/0/')).json.resource_record_count, 2);
    const [name] = (await ask('alice', 'GET', 'dnsresources/?fqdn=maas')).json;
    assert.deepEqual([name.ip_addresses, name.resource_records.length], [[], 2]);
    await assertStatus(ask('root', 'POST', 'dnsresourcerecords/', { name: 'x', rrtype: 'LOC', rrdata: '1' }), 400);
    await assertStatus(ask('root', 'DELETE', `dnsresourcerecords/${made.json.id}/`), 204);
    assert.equal((await ask('alice', 'GET', place)).json.ttl, 9);
    await assertStatus(ask('alice', 'GET', `dnsresourcerecords/${made.json.id}/`), 404);
  }));

test('a name gets its first addresses by a change, and keeps at least one', () =>
  withCallers(async (place) => {
    const { ask } = place;
    await ask('root', 'POST', 'dnsresourcerecords/', { fqdn: 'web.maas', rrtype: 'TXT', rrdata: 'hello' });
    const [{ id }] = (await ask('alice', 'GET', 'dnsresources/')).json;
    const change = (fields: Readonly<Record<string, string>>) => ask('root', 'PUT', `dnsresources/${id}/`, fields);
    const vain = await change({ address_ttl: '60' });
    assert.deepEqual([vain.status, keysOf(vain.json)], [400, ['address_ttl']]);
    const given = await assertStatus(change({ ip_addresses: '10.20.0.9 10.20.0.10', address_ttl: '60' }), 200);
    const shown = given.json.ip_addresses.map(({ ip, subnet }: { ip: string; subnet: { cidr: string } }) => [
      ip,
      subnet.cidr,
    ]);
    assert.deepEqual(shown, [
      ['10.20.0.9', '10.20.0.0/24'],
      ['10.20.0.10', '10.20.0.0/24'],
    ]);
    assert.deepEqual([given.json.id, given.json.address_ttl, given.json.resource_records.length], [id, 60, 1]);
    for (const nothing of ['', ' ']) {
      const kept = await change({ ip_addresses: nothing });
      assert.deepEqual([kept.status, kept.json.ip_addresses], [200, given.json.ip_addresses], kept.text);
    }
    assert.deepEqual((await ask('alice', 'GET', `dnsresources/${id}/`)).json, given.json);
  }));

test('a record gets another type or another name, and keeps its id', () =>
  withCallers(async ({ ask }) => {
    await ask('root', 'POST', 'domains/', { name: 'lab' });
    const fields = { fqdn: 'web.maas', rrtype: 'TXT', rrdata: 'x', ttl: '90' };
    const { id } = (await ask('root', 'POST', 'dnsresourcerecords/', fields)).json;
    const path = `dnsresourcerecords/${id}/`;
    const change = async (fields: Readonly<Record<string, string>>): Promise<unknown> => {
      const { json } = await ask('root', 'PUT', path, fields);
      assert.deepEqual((await ask('alice', 'GET', path)).json, json);
      return [json.id, json.fqdn, json.rrtype, json.rrdata, json.ttl];
    };
    assert.deepEqual(await change({ rrtype: 'mx', rrdata: '10 mail.maas' }), [
      id,
      'web.maas',
      'MX',
      '10 mail.maas',
      90,
    ]);
    assert.deepEqual(await change({ fqdn: 'a.lab' }), [id, 'a.lab', 'MX', '10 mail.maas', 90]);
    assert.deepEqual(await change({ name: 'b' }), [id, 'b.lab', 'MX', '10 mail.maas', 90]);
    assert.deepEqual(await change({ domain: 'maas' }), [id, 'b.maas', 'MX', '10 mail.maas', 90]);
    for (const [field, wrong] of [
      ['rrtype', { rrtype: 'LOC' }],
      ['rrdata', { rrtype: 'SRV' }],
      ['fqdn', { fqdn: 'x.elsewhere' }],
    ] as const)
      assert.deepEqual(keysOf((await ask('root', 'PUT', path, wrong)).json), [field]);
    assert.equal((await ask('alice', 'GET', path)).json.rrtype, 'MX');
  }));

test('a record has any type of MAAS, and CAA; data that does not fit names its form', () =>
  withCallers(async (place) => {
    const { ask } = place;
    for (const [rrtype, rrdata, wrong, form] of [
      ['SSHFP', `4 2 ${'9f'.repeat(32)}`, '4 2 9f', /algorithm, type and hexadecimal fingerprint/],
      ['CAA', '0 issue "ca.example.net"', '0 issue', /flags, tag and value/],
      ['AAAA', '2001:db8::5', '10.20.0.5', /an IPv6 address/],
    ] as const) {
      const made = await ask('root', 'POST', 'dnsresourcerecords/', { fqdn: 'web.maas', rrtype, rrdata });
      assert.deepEqual([made.status, made.json.rrtype, made.json.rrdata], [200, rrtype, rrdata], made.text);
      assert.deepEqual((await ask('alice', 'GET', `dnsresourcerecords/?rrtype=${rrtype}`)).json, [made.json]);
      const refused = await ask('root', 'PUT', `dnsresourcerecords/${made.json.id}/`, { rrdata: wrong });
      assert.deepEqual([refused.status, keysOf(refused.json)], [400, ['rrdata']]);
      assert.match(refused.json.rrdata[0], form);
    }
    assert.equal((recordsOf(place) as { readonly records: readonly unknown[] }).records.length, 3);
  }));

test('records that somebody wrote as a setting are objects, too', () =>
  withCallers(async ({ ask, region }) => {
    const written = [{ name: 'a.maas', type: 'TXT', data: 'x' }];
    await region.settings.change('', [{ key: 'dns.records', value: written }], 'root');
    const [record] = (await ask('alice', 'GET', 'dnsresourcerecords/')).json;
    assert.equal(record.fqdn, 'a.maas');
    const changed = await ask('root', 'PUT', `dnsresourcerecords/${record.id}/`, { rrdata: 'y' });
    assert.deepEqual([changed.json.id, changed.json.rrdata], [record.id, 'y']);
  }));

test('a name with a CNAME has no other records, one CNAME, no loop, and is that of no machine (RFC 1034 §3.6.2, RFC 2181 §10.1)', () =>
  withCallers(async ({ ask, systemId }) => {
    const add = (fqdn: string, rrtype: string, rrdata: string) =>
      ask('root', 'POST', 'dnsresourcerecords/', { fqdn, rrtype, rrdata });
    const refuse = async (answer: ReturnType<typeof ask>, field: string, text: RegExp) => {
      const { status, json, text: body } = await answer;
      assert.deepEqual([status, keysOf(json)], [400, [field]], body);
      assert.match(json[field][0], text);
    };
    await ask('root', 'PUT', `machines/${systemId}/`, { hostname: 'm1' });
    await ask('root', 'POST', 'devices/', { hostname: 'd1', mac_addresses: '52:54:00:00:00:09' });
    await ask('root', 'POST', 'dnsresources/', { fqdn: 'aa.maas', ip_addresses: '10.9.9.9' });
    await refuse(add('aa.maas', 'CNAME', 'other.maas.'), 'rrtype', /aa\.maas .*stands alone/);
    await refuse(add('maas', 'CNAME', 'other.lab.'), 'rrtype', /maas .*hide/);
    for (const host of ['m1', 'd1']) await refuse(add(`${host}.maas`, 'CNAME', 'x.lab.'), 'rrtype', /of a machine/);
    const { json: al } = await add('al.maas', 'CNAME', 'ww.maas.');
    await refuse(add('al.maas', 'CNAME', 'third.maas.'), 'rrtype', /another CNAME/);
    await refuse(add('al.maas', 'TXT', 'text'), 'rrtype', /al\.maas .*stands alone/);
    await refuse(add('al.maas', 'A', '10.9.9.8'), 'rrtype', /al\.maas .*stands alone/);
    await refuse(add('ww.maas', 'CNAME', 'al.maas.'), 'rrdata', /ww\.maas .*leads back|al\.maas .*leads back/);
    await refuse(add('self.maas', 'CNAME', 'self.maas'), 'rrdata', /self\.maas .*leads back/);
    await assertStatus(add('ww.maas', 'CNAME', 'far.example.'), 200);
    const names = (await ask('root', 'GET', 'dnsresources/?name=al')).json;
    const addresses = { ip_addresses: '10.9.9.8' };
    await refuse(ask('root', 'PUT', `dnsresources/${names[0].id}/`, addresses), 'ip_addresses', /stands alone/);
    const path = `dnsresourcerecords/${al.id}/`;
    await refuse(ask('root', 'PUT', path, { fqdn: 'aa.maas' }), 'rrtype', /stands alone/);
    await refuse(ask('root', 'PUT', path, { name: 'm1' }), 'name', /of a machine/);
    await assertStatus(ask('root', 'PUT', path, { rrdata: 'aa.maas.', ttl: '60' }), 200);
    for (const change of [
      ask('root', 'PUT', `machines/${systemId}/`, { hostname: 'al' }),
      ask('root', 'POST', 'devices/', { hostname: 'al', mac_addresses: '52:54:00:00:00:0a' }),
    ])
      await refuse(change, 'hostname', /al\.maas has a CNAME/);
    await assertStatus(ask('root', 'PUT', `machines/${systemId}/`, { hostname: 'm1', description: 'x' }), 200);
  }));

test('the names of machines and devices are listed with all=true, once they have an address', () =>
  withCallers(async ({ ask, systemId, store }) => {
    await ask('root', 'POST', 'dnsresources/', { fqdn: 'www.maas', ip_addresses: '10.20.0.5' });
    const printer = (
      await ask('alice', 'POST', 'devices/', { hostname: 'printer', mac_addresses: '52:54:00:00:00:77' })
    ).json;
    const { fqdn, hostname } = (await ask('root', 'GET', `machines/${systemId}/`)).json;
    const link = { mode: 'static', subnet: String(SUBNET_ID), ip_address: '10.20.0.25' };
    const nic = `nodes/${printer.system_id}/interfaces/${printer.interface_set[0].id}`;
    await assertStatus(ask('root', 'POST', `${nic}/?op=link_subnet`, link), 200);
    const addresses = [{ mac: mac(0x525400000001), address: ipv4(0x0a140014) }];
    await store.changeMachine<never>(systemId, 1, () => ({ kind: 'change', fields: {}, events: [], addresses }));
    await ask('alice', 'POST', 'devices/', { hostname: 'silent', mac_addresses: '52:54:00:00:00:78' });
    const names = async (query: string): Promise<readonly string[]> =>
      (await ask('alice', 'GET', `dnsresources/?${query}`)).json.map((one: { readonly fqdn: string }) => one.fqdn);
    assert.deepEqual(await names(''), ['www.maas']);
    assert.deepEqual(await names('all=false'), ['www.maas']);
    for (const [query, wanted] of [
      ['', ['www.maas', fqdn, 'printer.maas']],
      ['&domain=maas&rrtype=a', ['www.maas', fqdn, 'printer.maas']],
      ['&rrtype=TXT', []],
      [`&name=${hostname.toUpperCase()}`, [fqdn]],
      ['&fqdn=printer.maas', ['printer.maas']],
      ['&fqdn=printer.example', []],
    ] as const)
      assert.deepEqual(await names(`all=true${query}`), wanted, query);
    const shown = (await ask('alice', 'GET', 'dnsresources/?all=true&fqdn=printer.maas')).json;
    assert.deepEqual(shown, [
      {
        id: -1,
        fqdn: 'printer.maas',
        address_ttl: null,
        ip_addresses: null,
        resource_records: [
          {
            rrtype: 'A',
            rrdata: '10.20.0.25',
            ttl: null,
            system_id: printer.system_id,
            node_type: 1,
            user_id: null,
            dnsresource_id: null,
            dnsdata_id: null,
          },
        ],
        resource_uri: '/MAAS/api/2.0/dnsresources/-1/',
      },
    ]);
  }));

test('a type of records that is unknown is refused by lists, too', () =>
  withCallers(async ({ ask }) => {
    for (const path of ['dnsresources/', 'dnsresourcerecords/', 'dnsresources/?all=true']) {
      const query = path.includes('?') ? '&' : '?';
      const refused = await ask('alice', 'GET', `${path}${query}rrtype=ZZ&domain=nowhere`);
      assert.deepEqual([refused.status, keysOf(refused.json).toSorted()], [400, ['domain', 'rrtype']], refused.text);
      assert.match(String(refused.json.rrtype), /AAAA/);
    }
  }));
