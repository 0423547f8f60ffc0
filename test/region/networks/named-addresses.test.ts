// The addresses of names: a name that the API adds reserves its address as in MAAS, and no address of dns.records is given away.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machine, withSite } from '../api/sent/trial.ts';
import { LAB, machineAt, withNetworks } from './network-place.ts';

const RESERVE = '2.0/ipaddresses/?op=reserve';
const RELEASE = '2.0/ipaddresses/?op=release';
const NAMES = '2.0/dnsresources/';
const SUBNET = '10.20.0.0/24';

test('an address of a new name is reserved for its maker until it is released, also after the name is gone', () =>
  withNetworks(async (ask) => {
    const made = await ask('POST', NAMES, { fqdn: 'www.maas', ip_addresses: '10.20.0.210 10.20.0.211' });
    assert.equal(made.status, 200, made.text);
    const mine = async () => (await ask('GET', '2.0/ipaddresses/')).json.map(({ ip }: { readonly ip: string }) => ip);
    assert.deepEqual(await mine(), ['10.20.0.210', '10.20.0.211']);
    const refused = await ask('POST', RESERVE, { ip: '10.20.0.210' }, 'user');
    assert.equal(refused.status, 409, refused.text);
    const path = `${NAMES}${made.json.id}/`;
    assert.equal((await ask('PUT', path, { ip_addresses: '10.20.0.210 10.20.0.212' })).status, 200);
    assert.deepEqual(await mine(), ['10.20.0.210', '10.20.0.211', '10.20.0.212']);
    assert.equal((await ask('DELETE', path)).status, 204);
    for (const ip of await mine()) assert.equal((await ask('POST', RELEASE, { ip })).status, 204, ip);
    assert.deepEqual(await mine(), []);
  }));

test('an address that somebody has, or that is in no subnet, gets its name without a reservation', () =>
  withNetworks(async (ask, place) => {
    await machineAt(place, ['10.20.0.20']);
    await ask('POST', RESERVE, { ip: '10.20.0.210' }, 'user');
    for (const ip of ['10.20.0.20', '10.20.0.210', '10.20.0.1', '10.20.0.254', '192.0.2.9']) {
      const fqdn = `a${ip.replaceAll('.', '-')}.maas`;
      assert.equal((await ask('POST', NAMES, { fqdn, ip_addresses: ip })).status, 200, ip);
    }
    assert.deepEqual((await ask('GET', '2.0/ipaddresses/')).json, []);
  }));

test('an address of a dynamic range gets a name only if somebody has it there, or it had one before', () =>
  withNetworks(
    async (ask, { region }) => {
      const refused = await ask('POST', NAMES, { fqdn: 'inrange.maas', ip_addresses: '10.20.0.210 10.20.0.150' });
      assert.equal(refused.status, 409, refused.text);
      assert.match(refused.text, /10\.20\.0\.150 is in the dynamic range 10\.20\.0\.100 to 10\.20\.0\.199/);
      assert.deepEqual((await ask('GET', '2.0/ipaddresses/')).json, []);
      assert.deepEqual((await ask('GET', NAMES)).json, []);
      assert.equal((await ask('POST', NAMES, { fqdn: 'nas.maas', ip_addresses: '10.20.0.160' })).status, 200);
      const records = [{ name: 'old.maas', type: 'A', data: '10.20.0.150' }];
      assert.equal(await region.settings.change('', [{ key: 'dns.records', value: records }], 'admin'), undefined);
      const [{ id }] = (await ask('GET', NAMES)).json;
      const changed = await ask('PUT', `${NAMES}${id}/`, { ip_addresses: '10.20.0.150 10.20.0.210' });
      assert.equal(changed.status, 200, changed.text);
      assert.equal((await ask('PUT', `${NAMES}${id}/`, { ip_addresses: '10.20.0.150 10.20.0.151' })).status, 409);
    },
    { lab: { ...LAB, hosts: [{ mac: '52:54:00:00:00:71', ip: '10.20.0.160' }] } },
  ));

test('a refused name reserves nothing', () =>
  withNetworks(async (ask) => {
    assert.equal((await ask('POST', NAMES, { fqdn: 'www.elsewhere', ip_addresses: '10.20.0.210' })).status, 400);
    assert.deepEqual((await ask('GET', '2.0/ipaddresses/')).json, []);
  }));

test('an address of dns.records is neither chosen for a machine nor reserved; a person may give it to a machine', () =>
  withSite(async (site) => {
    const { region } = site.place;
    const records = ['10.20.0.10', '10.20.0.2'].map((data, index) => ({ name: `n${index}.maas`, type: 'A', data }));
    assert.equal(await region.settings.change('', [{ key: 'dns.records', value: records }], 'admin'), undefined);
    const first = { system_id: await machine(site, 'ready') };
    const chosen = await site.ask('POST', '2.0/machines/?op=allocate', first, 'alice');
    assert.deepEqual(chosen.json.ip_addresses, ['10.20.0.11'], chosen.text);
    assert.equal((await site.ask('POST', RESERVE, { subnet: SUBNET }, 'bob')).json.ip, '10.20.0.3');
    const refused = await site.ask('POST', RESERVE, { ip: '10.20.0.2' }, 'bob');
    assert.match(refused.text, /the name n1\.maas/);
    assert.equal((await site.ask('POST', `2.0/machines/${first.system_id}/?op=release`, {}, 'alice')).status, 200);
  }));
