// Machines as Terraform adds and changes them: with `commission`, a description, and a domain of their own; an architecture must exist.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withAskedApi } from '../asked-api.ts';
import { machine, withSite } from './sent/trial.ts';

const CLIENTS_DOCUMENT = join(import.meta.dirname, '../../../docs/maas-clients.md');
const MACHINE = { architecture: 'amd64/generic', mac_addresses: '52:54:00:00:00:01', power_type: 'manual' };

test('a machine that an administrator adds is commissioned unless commission=false, and no other one', () =>
  withAskedApi(async ({ ask }) => {
    const wish = { ...MACHINE, commission: 'true', description: 'rack 7', hostname: 'n1' };
    const refused = await ask('POST', '2.0/machines/', wish, 'alice');
    assert.deepEqual([refused.status, (await ask('GET', '2.0/machines/')).json], [403, []]);
    const made = await ask('POST', '2.0/machines/', wish);
    assert.deepEqual(
      [made.status, made.json.status_name, made.json.status, made.json.description],
      [200, 'Commissioning', 1, 'rack 7'],
    );
    const other = { ...MACHINE, mac_addresses: '52:54:00:00:00:03' };
    assert.equal((await ask('POST', '2.0/machines/', { ...other, commission: 'false' })).json.status_name, 'New');
    const at = (last: number) => ({ architecture: 'amd64', mac_addresses: `52:54:00:00:01:0${last}` });
    const plain: readonly (readonly [
      path: string,
      fields: Record<string, string>,
      as: 'admin' | 'alice',
      status: string,
    ])[] = [
      ['2.0/machines/', at(1), 'admin', 'Commissioning'],
      ['2.0/machines/', { ...at(2), power_type: 'manual' }, 'admin', 'Commissioning'],
      ['2.0/machines/', at(3), 'alice', 'New'],
      ['2.0/machines/', { ...at(4), deployed: 'true' }, 'admin', 'Deployed'],
      ['2.0/machines/', { ...at(5), deployed: 'false' }, 'admin', 'Commissioning'],
    ];
    for (const [path, fields, as, status] of plain)
      assert.equal((await ask('POST', path, fields, as)).json.status_name, status, JSON.stringify(fields));
    for (const [last, more, status] of [
      [6, {}, 1],
      [7, { commission: 'false' }, 0],
    ] as const)
      assert.equal((await ask('POST', '1.0/nodes/?op=new', { ...at(last), ...more })).json.status, status);
    const own = await ask(
      'POST',
      '2.0/machines/',
      { ...other, mac_addresses: '52:54:00:00:00:05', commission: 'True' },
      'nobody',
    );
    assert.deepEqual([own.status, own.json.status_name], [200, 'New'], 'a machine does not commission itself');
  }));

test('an administrator adds a machine that somebody else deployed: it boots its own disk, and has the addresses of its system', () =>
  withAskedApi(async ({ ask, place }) => {
    const wish = { ...MACHINE, deployed: 'true', hostname: 'n1' };
    assert.equal((await ask('POST', '2.0/machines/', wish, 'alice')).status, 403);
    const both = await ask('POST', '2.0/machines/', { ...wish, commission: 'true' });
    assert.deepEqual([both.status, Object.keys(both.json)], [400, ['deployed']]);
    const { json: machine } = await ask('POST', '2.0/machines/', wish);
    assert.deepEqual([machine.status_name, machine.netboot, machine.owner], ['Deployed', false, 'admin']);
    const [known] = (await place.region.desiredState()).machines;
    assert.equal(known?.purpose, 'local');
    assert.equal((await ask('POST', '2.0/subnets/', { cidr: '10.20.0.0/24' })).status, 200);
    const links = `2.0/nodes/${machine.system_id}/interfaces/${machine.interface_set[0].id}/?op=link_subnet`;
    const link = { mode: 'static', subnet: '10.20.0.0/24', ip_address: '10.20.0.7' };
    assert.equal((await ask('POST', links, link)).status, 200);
    const { json: after } = await ask('GET', `2.0/machines/${machine.system_id}/`);
    assert.deepEqual([after.status_name, after.allocated_ip_addresses], ['Deployed', ['10.20.0.7']]);
    const released = await ask('POST', `2.0/machines/${machine.system_id}/?op=release`);
    assert.equal(released.json.status_name, 'Ready');
  }));

test('a machine is in the domain that its user names, alone or after the hostname, if the domain exists', () =>
  withAskedApi(async ({ ask }) => {
    const { json: domain } = await ask('POST', '2.0/domains/', { name: 'example.com' });
    const { json: machine } = await ask('POST', '2.0/machines/', { ...MACHINE, hostname: 'n1' });
    assert.deepEqual([machine.fqdn, machine.domain.id, machine.domain.is_default], ['n1.maas', 0, true]);
    const place = `2.0/machines/${machine.system_id}/`;
    const changed = await ask('PUT', place, { domain: 'Example.com' });
    assert.deepEqual([changed.status, changed.json.fqdn], [200, 'n1.example.com']);
    assert.deepEqual(changed.json.domain, domain);
    await ask('POST', '2.0/dnsresources/', { fqdn: 'www.example.com', ip_addresses: '10.20.0.7' });
    const [listed] = (await ask('GET', '2.0/machines/')).json;
    assert.deepEqual([listed.domain.id, listed.domain.resource_record_count], [domain.id, 1]);
    assert.equal((await ask('GET', '2.0/machines/?domain=example.com')).json.length, 1);
    assert.deepEqual((await ask('GET', '2.0/machines/?domain=maas')).json, []);
    assert.equal((await ask('PUT', place, { domain: 'maas' })).json.fqdn, 'n1.maas');
    assert.equal((await ask('PUT', place, { hostname: 'n2.example.com' })).json.fqdn, 'n2.example.com');
    assert.equal((await ask('PUT', place, { hostname: 'n3' })).json.fqdn, 'n3.example.com');
    const fields = async (method: 'PUT' | 'POST', path: string, given: Readonly<Record<string, string>>) => {
      const { status, json } = await ask(method, path, given);
      return [status, Object.keys(json)];
    };
    assert.deepEqual(await fields('PUT', place, { domain: 'nosuch.zz' }), [400, ['domain']]);
    assert.deepEqual(await fields('PUT', place, { hostname: 'n1.nosuch.zz' }), [400, ['hostname']]);
    assert.deepEqual(await fields('PUT', place, { hostname: 'n1.maas', domain: 'example.com' }), [400, ['hostname']]);
    const another = { ...MACHINE, mac_addresses: '52:54:00:00:00:09' };
    assert.deepEqual(await fields('POST', '2.0/machines/', { ...another, domain: 'nosuch.zz' }), [400, ['domain']]);
    const added = await ask('POST', '2.0/machines/', { ...another, hostname: 'n9.example.com' });
    assert.equal(added.json.fqdn, 'n9.example.com');
    const device = await ask('POST', '2.0/devices/', {
      hostname: 'd1.example.com',
      mac_addresses: '52:54:00:00:00:0b',
    });
    assert.deepEqual([device.json.fqdn, device.json.domain.id], ['d1.example.com', domain.id]);
    assert.equal((await ask('GET', '2.0/devices/', { domain: 'maas' })).json.length, 0);
  }));

test('an architecture that does not exist is refused', () =>
  withAskedApi(async ({ ask }) => {
    const { json: machine } = await ask('POST', '2.0/machines/', MACHINE);
    for (const architecture of ['zz', 'zz/generic']) {
      const other = { ...MACHINE, mac_addresses: '52:54:00:00:00:07' };
      const added = await ask('POST', '2.0/machines/', { ...other, architecture });
      assert.deepEqual([added.status, Object.keys(added.json)], [400, ['architecture']]);
      const changed = await ask('PUT', `2.0/machines/${machine.system_id}/`, { architecture });
      assert.deepEqual([changed.status, Object.keys(changed.json)], [400, ['architecture']]);
    }
    const { json } = await ask('PUT', `2.0/machines/${machine.system_id}/`, { architecture: 'aarch64/generic' });
    assert.equal(json.architecture, 'arm64/generic');
  }));

test('a node that enlists by API 1.0 without a key is answered as 1.0 shows nodes', () =>
  withAskedApi(async ({ ask }) => {
    const { json } = await ask('POST', '1.0/nodes/?op=new', { ...MACHINE, hostname: 'n1' }, 'nobody');
    assert.deepEqual(json, {
      system_id: json.system_id,
      hostname: 'n1.maas',
      architecture: 'amd64/generic',
      status: 0,
      substatus: 0,
      substatus_name: 'New',
      resource_uri: `/MAAS/api/1.0/nodes/${json.system_id}/`,
    });
  }));

test('the requests that the document lists as refused get the documented answers', () =>
  withSite(
    async (site) => {
      const { ask } = site;
      const rows = readFileSync(CLIENTS_DOCUMENT, 'utf8')
        .split('\n')
        .filter((line) => /^\| `(?:PUT|POST|DELETE) .* \| 4\d\d \|/.test(line));
      const used = await machine(site, 'deployed', { owner: 'admin', isLocked: true }, 3);
      const locked = await machine(site, 'ready', { isLocked: true }, 5);
      const keyring = { url: 'https://images.example.org/', keyring_filename: '/usr/share/keyrings/absent.gpg' };
      type Request = readonly ['PUT' | 'POST' | 'DELETE', string, Record<string, string>];
      const requests: Readonly<Record<string, readonly Request[]>> = {
        // This region has no sources in files; that of boot-sources-api.test.ts has.
        'PUT boot-sources/ID/': [],
        'POST boot-sources/': [['POST', 'boot-sources/', keyring]],
        'DELETE machines/ID/': [used, locked].map((one) => ['DELETE', `machines/${one}/`, {}] as const),
        'PUT domains/0/': [['PUT', 'domains/0/', { name: 'example.org' }]],
        'POST domains/': [
          ['POST', 'domains/', { name: 'example.org', ttl: '3600' }],
          ['PUT', 'domains/0/', { ttl: '3600' }],
        ],
        'PUT subnets/ID/': [{ managed: 'false' }, { allow_proxy: 'false' }, { rdns_mode: '1' }].map(
          (fields) => ['PUT', 'subnets/maas-lab/', fields] as const,
        ),
        'POST scripts/': [
          { recommission: 'true' },
          { may_reboot: 'true' },
          { packages: '{"apt": ["fio"]}' },
          { for_hardware: 'pci:1af4' },
          ...['recommission: true', 'may_reboot: true', 'packages: {apt: fio}', 'for_hardware: pci:1af4'].map(
            (line) => ({
              script: `#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n# ${line}\n# --- End MAAS 1.0 script metadata ---\n`,
            }),
          ),
        ].map((fields) => ['POST', 'scripts/', { name: 'fan', script: '#!/bin/sh\n', ...fields }] as const),
      };
      const listed = rows.map((row) => /^\| `([^`]+)`.*? \| (\d+) \|/.exec(row)?.slice(1) ?? []);
      assert.deepEqual(
        listed.map(([request]) => request),
        Object.keys(requests),
      );
      for (const [request = '', answer] of listed)
        for (const [method, path, fields] of requests[request] ?? []) {
          const { status, text } = await ask(method, `2.0/${path}`, fields);
          assert.equal(status, Number(answer), `${request} ${JSON.stringify(fields)}: ${text}`);
        }
      for (const one of [used, locked])
        assert.equal((await ask('DELETE', `2.0/machines/${one}/?force=true`)).status, 204);
    },
    { hasFile: async () => false },
  ));
