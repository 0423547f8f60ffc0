// The configuration that the store owns: permitted changes, refusals, and the settings sent to each rack. Tested through the API, with the
// rules that the daemon passes to its region.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RackError } from '../../src/ground/errors.ts';
import type { DesiredState } from '../../src/machines/machine.ts';
import type { Settings } from '../../src/machines/settings.ts';
import { createApiKey } from '../../src/region/accounts/accounts.ts';
import type { OwnRack, RegionConfig } from '../../src/region/config.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import { SETTINGS_PAGE } from '../../src/region/page/settings/settings-page.ts';
import { SETTINGS_MAX } from '../../src/region/settings.ts';
import { authorizationOf } from '../support/oauth.ts';
import { sentenceOf } from '../support/sentences.ts';
import { addAdmin } from './accounts/administrator.ts';
import { ADMIN, viewOf } from './page/view.ts';
import { makeRegion, type RegionPlace } from './place.ts';
import { acceptRack, rackInterface } from './racks/rack-place.ts';

const UUID = '11111111-2222-3333-4444-555555555555';
const LAB = {
  interface: 'eth1',
  ip: '10.20.0.1',
  network: '10.20.0.0/24',
  ip_range_low: '10.20.0.100',
  ip_range_high: '10.20.0.199',
};

interface Answered {
  readonly status: number;
  readonly text: string;
  json(): unknown;
}

type Call = (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  fields?: Record<string, string>,
) => Promise<Answered>;

/** @param value as JSON */
const set = (call: Call, key: string, value: string, more = {}): Promise<Answered> =>
  call('POST', '2.0/settings/?op=set', { key, value, ...more });

/** The answer's JSON, of a request that must succeed. */
async function well(asked: Promise<Answered>) {
  const answer = await asked;
  assert.equal(answer.status, 200, answer.text);
  return Object(answer.json());
}

async function assertRefused(asked: Promise<Answered>, status: number, why: RegExp): Promise<void> {
  const answer = await asked;
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.text, why);
}

/** A region whose rack's file writes `values`, and an administrator to call it. */
async function withSettings(
  values: Settings,
  work: (call: Call, place: RegionPlace) => Promise<void>,
  overrides: Partial<RegionConfig> = {},
): Promise<void> {
  const ownRack: OwnRack = { uuid: UUID, name: 'rack-1', file: '/etc/rackboot.yaml', values };
  const place = await makeRegion({ ownRack, ...overrides });
  try {
    await addAdmin(place.store, place.clock, { username: 'admin', email: '', password: 'long enough' });
    const authorization = authorizationOf(await createApiKey(place.store, place.clock, 'admin'));
    const app = buildApp(makeContext(place.region));
    await work(async (method, url, fields) => {
      const answer = await app.inject({
        method,
        url: `/MAAS/api/${url}`,
        headers: {
          authorization,
          ...(fields === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(fields === undefined ? {} : { payload: new URLSearchParams(fields).toString() }),
      });
      return { status: answer.statusCode, text: answer.body, json: () => answer.json() };
    }, place);
  } finally {
    await place.remove();
  }
}

const INTERFACES = `1.0/nodegroups/${UUID}/interfaces/`;
/** As the guide for MAAS 1.7 gives it on the command line. */
const AS_IN_THE_GUIDE = {
  ip: '10.20.0.1',
  interface: 'eth0',
  management: '2',
  subnet_mask: '255.255.255.0',
  broadcast_ip: '10.20.0.255',
  router_ip: '10.20.0.254',
  ip_range_low: '10.20.0.100',
  ip_range_high: '10.20.0.150',
  static_ip_range_low: '10.20.0.151',
  static_ip_range_high: '10.20.0.200',
};

test('a cluster interface is created, read, changed and deleted as in MAAS; router_ip is accepted but not returned', () =>
  withSettings({}, async (call, { region }) => {
    const { router_ip: _, ...shown } = AS_IN_THE_GUIDE;
    const expected = { ...shown, management: 2, name: 'eth0' };
    assert.deepEqual(await well(call('POST', `${INTERFACES}?op=new`, AS_IN_THE_GUIDE)), expected);
    assert.deepEqual((await call('GET', `${INTERFACES}?op=list`)).json(), [expected]);
    assert.deepEqual((await call('GET', `${INTERFACES}eth0/`)).json(), expected);
    const changed = await call('PUT', `${INTERFACES}eth0/`, { ip_range_high: '10.20.0.140', management: '1' });
    assert.deepEqual(changed.json(), { ...expected, ip_range_high: '10.20.0.140', management: 1 });
    const { subnet_mask: _mask, broadcast_ip: _broadcast, ...others } = AS_IN_THE_GUIDE;
    const forRacks = { name: 'eth0', ...others, network: '10.20.0.0/24', ip_range_high: '10.20.0.140', management: 1 };
    assert.deepEqual((await region.desiredState()).settings, { cluster_interfaces: [forRacks] });
    assert.equal((await call('DELETE', `${INTERFACES}eth0/`)).status, 204);
    assert.equal((await call('GET', `${INTERFACES}eth0/`)).status, 404);
    assert.equal((await region.desiredState()).settings, undefined);
  }));

test('the region’s own rack is also named master, and an unknown UUID is not a rack', () =>
  withSettings({}, async (call) => {
    assert.equal((await call('POST', '1.0/nodegroups/master/interfaces/?op=new', AS_IN_THE_GUIDE)).status, 200);
    assert.equal((await call('GET', `${INTERFACES}eth0/`)).status, 200);
    const other = UUID.replace('1', '9');
    assert.equal((await call('GET', `1.0/nodegroups/${other}/interfaces/?op=list`)).status, 404);
    assert.equal(
      (await call('GET', `2.0/nodegroups/${UUID}/interfaces/?op=list`)).status,
      404,
      'API 2.0 has no such path',
    );
  }));

test('a cluster interface gets only an address that its interface has, if the rack reports its host', () =>
  withSettings({}, async (call, { region }) => {
    const own = { uuid: UUID, name: 'rack', version: '1.0.0', pinned: [], interfaces: [] };
    await call('POST', `${INTERFACES}?op=new`, AS_IN_THE_GUIDE);
    const change = (fields: Record<string, string>) => call('PUT', `${INTERFACES}eth0/`, fields);
    await well(change({ ip: '10.20.0.2' }));
    const addresses = ['10.20.0.1/24', '10.20.0.3/24'].map((address) => ({ interface: 'eth0', address }));
    await region.racks.putOwn({ ...own, addresses });
    // It has had this address before.
    await well(change({ ip: '10.20.0.2', router_ip: '10.20.0.253' }));
    const refused = await change({ ip: '10.20.0.4' });
    assert.equal(refused.status, 400, refused.text);
    assert.match(
      String(Object(refused.json()).ip),
      /: eth0 of the rack rack does not have 10\.20\.0\.4, but 10\.20\.0\.1, 10\.20\.0\.3\./,
    );
    assert.equal(Object((await call('GET', `${INTERFACES}eth0/`)).json()).ip, '10.20.0.2');
    for (const ip of ['10.20.0.1', '10.20.0.3']) await well(change({ ip }));
    // It may come later.
    await well(change({ interface: 'eth7' }));
    const back = await change({ interface: 'eth0', ip: '10.20.0.9' });
    assert.equal(back.status, 400, back.text);
    const more = { name: 'more', ip: '10.40.0.5', subnet_mask: '255.255.255.0', interface: 'eth0' };
    assert.match((await call('POST', `${INTERFACES}?op=new`, more)).text, /does not have 10\.40\.0\.5/);
  }));

const REFUSED: readonly (readonly [string, Record<string, string>, string, RegExp])[] = [
  ['an invalid address', { ip: '10.20.0.300' }, 'ip', /expected an IPv4 address/],
  ['an address outside', { router_ip: '10.21.0.1' }, 'router_ip', /not inside 10\.20\.0\.0\/24/],
  ['a range that is upside down', { ip_range_low: '10.20.0.199' }, 'ip_range_low', /is above ip_range_high/],
  ['ranges that share addresses', { static_ip_range_low: '10.20.0.140' }, 'static_ip_range_low', /share addresses/],
  ['a management of 3', { management: '3' }, 'management', /Give 0/],
  ['another broadcast address', { broadcast_ip: '10.20.0.3' }, 'broadcast_ip', /of 10\.20\.0\.0\/24 is 10\.20\.0\.255/],
];

for (const [name, change, field, text] of REFUSED) {
  test(`a cluster interface with ${name} is refused by the name of its field, and the old one stays`, () =>
    withSettings({}, async (call, { region }) => {
      await call('POST', `${INTERFACES}?op=new`, AS_IN_THE_GUIDE);
      const version = (await region.desiredState()).version;
      const refused = await call('PUT', `${INTERFACES}eth0/`, change);
      assert.equal(refused.status, 400, refused.text);
      assert.match(String(Object(refused.json())[field]), text);
      assert.equal((await region.desiredState()).version, version);
    }));
}

test('a new address changes the network, and a new name keeps the rest', () =>
  withSettings({}, async (call) => {
    await call('POST', `${INTERFACES}?op=new`, { name: 'lab', ...LAB, subnet_mask: '255.255.255.0' });
    const range = { ip_range_low: '10.40.0.100', ip_range_high: '10.40.0.199' };
    const moved = await well(call('PUT', `${INTERFACES}lab/`, { ip: '10.40.0.1', ...range }));
    assert.equal(moved.broadcast_ip, '10.40.0.255');
    assert.equal((await well(call('PUT', `${INTERFACES}lab/`, { name: 'yard' }))).ip, '10.40.0.1');
    assert.equal((await call('GET', `${INTERFACES}lab/`)).status, 404);
    const again = await call('POST', `${INTERFACES}?op=new`, { ...AS_IN_THE_GUIDE, name: 'yard' });
    assert.match(String(Object(again.json()).name), /already exists/);
  }));

test('values in the file are shown, and every change of them is refused with file and key', () =>
  withSettings(
    { cluster_interfaces: [{ name: 'lab', ...LAB }], boot: { kernel_params: 'quiet' } },
    async (call, { region }) => {
      const listed = await call('GET', `${INTERFACES}?op=list`);
      assert.equal(Object(listed.json())[0].subnet_mask, '255.255.255.0');
      const readOnly = /read-only: written in \/etc\/rackboot\.yaml as /;
      for (const [method, url, fields] of [
        ['PUT', `${INTERFACES}lab/`, { management: '1' }],
        ['DELETE', `${INTERFACES}lab/`, undefined],
        ['PUT', `${INTERFACES}lab/`, { name: 'lab2' }],
        ['POST', '2.0/maas/?op=set_config', { name: 'kernel_opts', value: 'debug' }],
        ['POST', '2.0/settings/?op=set', { key: 'boot.kernel_params', value: '"debug"' }],
        ['POST', '2.0/settings/?op=set', { key: 'cluster_interfaces.lab.management', value: '1' }],
      ] as const) {
        await assertRefused(call(method, url, fields), 409, readOnly);
      }
      assert.equal((await call('GET', '2.0/maas/?op=get_config&name=kernel_opts')).text, '"quiet"');
      assert.equal((await region.desiredState()).settings, undefined);
      const overlapping = await call('POST', `${INTERFACES}?op=new`, { ...AS_IN_THE_GUIDE, interface: 'eth7' });
      assert.match(overlapping.text, /overlaps/, 'the file’s networks count');
    },
  ));

test('a setting that would stop every boot is refused from every source, and the refusal names the alternatives', async () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-tree-'));
  const put = (path: string): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), 'x');
  };
  try {
    await withSettings({ boot: { tree } }, async (call, { region }) => {
      // Nothing boots yet: the settings may come before the images.
      await well(set(call, 'boot.release', '"trixie"'));
      for (const file of ['linux', 'initrd.gz']) put(`amd64/generic/bookworm/commissioning/${file}`);
      await well(set(call, 'boot.release', '"bookworm"'));
      const name = 'commissioning_distro_series';
      await assertRefused(
        call('POST', '1.0/maas/?op=set_config', { name, value: 'forky' }),
        400,
        /no environment of forky.*bookworm\. First: rackboot images build --release forky/,
      );
      const installer = set(call, 'boot.enlist_with', '"installer"');
      await assertRefused(installer, 400, /no installer of bookworm.*images import-installer/);
      // Other settings are not held up.
      await well(set(call, 'boot.kernel_params', '"quiet"'));
      assert.equal(region.settings.valueOf('boot.release'), 'bookworm');
      const page = await SETTINGS_PAGE.act?.(
        viewOf(region, {
          viewer: ADMIN,
          form: new Map([
            ['group', ['boot']],
            ['boot.release', ['forky']],
          ]),
        }),
      );
      assert.match(JSON.stringify(page), /the tree has the environment of bookworm/);

      put('amd64/generic/bookworm/install/linux');
      put('amd64/generic/bookworm/install/initrd.gz');
      await well(set(call, 'boot.enlist_with', '"installer"'));
    });
  } finally {
    rmSync(tree, { recursive: true });
  }
});

test('MAAS’s names read and set the corresponding keys, with their defaults', () =>
  withSettings({ boot: { tree: '/nowhere' } }, async (call, { region }) => {
    const get = async (name: string): Promise<string> =>
      (await call('GET', `1.0/maas/?op=get_config&name=${name}`)).text;
    assert.equal(await get('kernel_opts'), 'null');
    assert.equal(await get('upstream_dns'), 'null');
    assert.equal(await get('main_archive'), '"http://archive.ubuntu.com/ubuntu"');
    assert.equal(await get('ports_archive'), '"http://ports.ubuntu.com/ubuntu-ports"');
    assert.equal(await get('commissioning_distro_series'), '"bookworm"');
    assert.equal(await get('maas_name'), '"rack-1"');
    for (const [name, value] of [
      ['kernel_opts', 'console=ttyS4 mei.blacklist=yes'],
      ['upstream_dns', '192.0.2.1 192.0.2.2:5353'],
      ['dns_trusted_acl', '10.9.0.0/16'],
      ['commissioning_distro_series', 'trixie'],
      ['enlistment_domain', 'lab.example'],
    ] as const) {
      const set = await call('POST', '1.0/maas/?op=set_config', { name, value });
      assert.equal(set.text, 'OK', name);
      assert.equal(await get(name), JSON.stringify(value));
    }
    assert.deepEqual((await region.desiredState()).settings, {
      boot: { kernel_params: 'console=ttyS4 mei.blacklist=yes', release: 'trixie' },
      dns: { upstream: ['192.0.2.1', '192.0.2.2:5353'], allow_recursion: ['10.9.0.0/16'], domain: 'lab.example' },
    });
    const unknown = await call('GET', '2.0/maas/?op=get_config&name=squid');
    assert.equal(unknown.status, 400);
    assert.match(unknown.text, /squid is not a valid config setting \(valid settings are: .*kernel_opts/);
    const validated = await call('POST', '2.0/maas/?op=set_config', { name: 'dnssec_validation', value: 'auto' });
    assert.match(validated.text, /no DNSSEC validator/);
  }));

test('keys are set and removed by their own names; unknown keys, keys of the file and wrong values are refused', () =>
  withSettings({}, async (call, { region, store }) => {
    await well(set(call, 'cluster_interfaces.eth1.100', JSON.stringify({ ...LAB, interface: 'eth1.100' })));
    await well(set(call, 'cluster_interfaces.eth1.100.router_ip', '"10.20.0.254"'));
    await well(set(call, 'region.new_machines_max', '7'));
    assert.deepEqual((await region.desiredState()).settings, {
      region: { new_machines_max: 7 },
      cluster_interfaces: [
        { name: 'eth1.100', ...LAB, interface: 'eth1.100', management: 2, router_ip: '10.20.0.254' },
      ],
    });
    for (const [key, value, status, text] of [
      ['dns.upstreem', '[]', 400, /dns\.upstreem: unknown key/],
      [
        'cluster_interfaces.eth1.100.relay_source',
        '[]',
        400,
        /relay_source: unknown key; did you mean relay_sources\?/,
      ],
      ['cluster_interfaces.eth1.colour', '"blue"', 400, /colour: unknown key; config\/rackboot\.yaml explains all/],
      ['cluster_interfaces', '[]', 400, /give the name of a network: cluster_interfaces\.NAME/],
      ['tftp.listen_port', '1069', 409, /only the configuration file can set it/],
      ['state_dir', '"/x"', 409, /only the configuration file can set it/],
      [
        'boot.http.tls',
        '{"cert": "/c", "key": "/k"}',
        409,
        /boot\.http\.tls is read-only: only the configuration file/,
      ],
      ['region.new_machines_max', '0', 400, /new_machines_max/],
      ['region.new_machines_max', 'many', 400, /give JSON/],
      ['boot.kernel_params', '"a || b"', 400, /not every loader accepts this/],
      ['boot.kernel_params', JSON.stringify('x'.repeat(5000)), 400, /too large or too deeply nested/],
    ] as const)
      await assertRefused(set(call, key, value), status, text);
    assert.equal((await call('POST', '2.0/settings/?op=unset', { key: 'region.new_machines_max' })).status, 200);
    const gone = await call('POST', '2.0/settings/?op=unset', { key: 'region.new_machines_max' });
    assert.match(gone.text, /nothing to remove/);
    const listed = await call('GET', '2.0/settings/');
    assert.deepEqual(
      (listed.json() as readonly { key: string; rack: string }[]).map(({ key, rack }) => [key, rack]),
      [['cluster_interfaces.eth1.100', UUID]],
    );
    const audited = (await store.listEvents({ level: 'audit', limit: 10 })).filter(({ type }) => type === 'SETTINGS');
    assert.equal(audited.length, 4);
    assert.match(sentenceOf(audited[0]), /changed: region\.new_machines_max: 7 → none/);
    assert.equal(audited[0]?.username, 'admin');
  }));

test('a key that the file sets later hides the stored value, which may still be removed', () =>
  withSettings({}, async (call, { region, config }) => {
    await set(call, 'boot.release', '"trixie"');
    const ownRack: OwnRack = { uuid: UUID, name: 'rack-1', file: '/f', values: { boot: { release: 'sid' } } };
    region.configure({ ...config, ownRack });
    const [row] = (await call('GET', '2.0/settings/')).json() as readonly { shadowed_by: string }[];
    assert.equal(row?.shadowed_by, 'written in /f as boot.release');
    assert.equal((await call('GET', '2.0/maas/?op=get_config&name=commissioning_distro_series')).text, '"sid"');
    assert.equal((await call('POST', '2.0/settings/?op=unset', { key: 'boot.release' })).status, 200);
  }));

test('another rack has its own cluster interfaces, does not get the region’s keys, and shares the rest', () =>
  withSettings({}, async (call, { region }) => {
    const rack = await acceptRack(region);
    const FAR = `1.0/nodegroups/${rack.uuid}/interfaces/`;
    await call('POST', `${INTERFACES}?op=new`, AS_IN_THE_GUIDE);
    await set(call, 'boot.release', '"trixie"');
    await set(call, 'region.new_machines_max', '5');
    assert.deepEqual((await region.desiredState(rack.uuid)).settings, { boot: { release: 'trixie' } });
    assert.deepEqual(await region.desiredState(UUID), await region.desiredState());
    assert.deepEqual(Object.keys((await region.desiredState()).settings ?? {}).sort(), [
      'boot',
      'cluster_interfaces',
      'region',
    ]);

    // The rack's own report is shown, and can be copied into the store.
    const [reported] = Object((await call('GET', `${FAR}?op=list`)).json());
    assert.equal(reported.ip_range_low, '10.50.0.100');
    await well(call('PUT', `${FAR}far/`, { ip_range_low: '10.50.0.120' }));
    const [sent] = Object((await region.desiredState(rack.uuid)).settings).cluster_interfaces;
    assert.deepEqual([sent.name, sent.ip_range_low, sent.router_ip], ['far', '10.50.0.120', '10.50.0.1']);
    await well(set(call, 'cluster_interfaces.far.management', '1', { rack: rack.uuid }));
    assert.equal(Object((await call('GET', `${FAR}far/`)).json()).management, 1);

    // Once its file writes it, it is read-only.
    const pulse = { life: 'a', applied: 1, waiting: 0, dropped: 0, deadLetters: 0, startedMs: 1 };
    await region.racks.hear(rack.uuid, {
      version: rack.version,
      uplink: 1,
      interfaces: rack.interfaces,
      pulse: { ...pulse, pinned: ['cluster_interfaces.far'] },
    });
    await assertRefused(
      call('PUT', `${FAR}far/`, { management: '2' }),
      409,
      /written in the configuration file of the rack rack-2 as cluster_interfaces\.far/,
    );
  }));

test('the store has a bound', () =>
  withSettings({}, async (_call, { store, region }) => {
    const changes = Array.from({ length: SETTINGS_MAX }, (_, index) => ({
      rack: 'elsewhere',
      key: `cluster_interfaces.n${index}`,
      value: {},
    }));
    await store.changeSettings<never>(0, () => ({ kind: 'change', changes, events: [] }));
    const refusal = await region.settings.change('', [{ key: 'boot.release', value: 'trixie' }], 'admin');
    assert.equal(refusal?.name, 'settings-limit');
  }));

test('a region without a rack shows the values of its own file as read-only, and takes networks only for a rack', () =>
  withSettings(
    {},
    async (call, { region }) => {
      const get = async (name: string) => (await call('GET', `2.0/maas/?op=get_config&name=${name}`)).json();
      assert.equal(await get('kernel_opts'), 'quiet');
      const readOnly = /boot\.kernel_params is read-only: written in \/etc\/region\.yaml/;
      await assertRefused(set(call, 'boot.kernel_params', '"debug"'), 409, readOnly);
      const setFar = (more = {}) => set(call, 'cluster_interfaces.far', JSON.stringify(LAB), more);
      const unnamed = /cluster_interfaces\.far: this region has no rack of its own/;
      await assertRefused(setFar(), 400, unnamed);
      await acceptRack(region);
      await well(setFar({ rack: 'rack-2' }));
      await well(set(call, 'region.retries', '2'));
      assert.deepEqual((await region.desiredState()).settings, { region: { retries: 2 } });
    },
    { ownRack: undefined, ownFile: { file: '/etc/region.yaml', values: { boot: { kernel_params: 'quiet' } } } },
  ));

/** Sets the kernel's arguments as another process of the region does. */
async function setElsewhere({ store }: RegionPlace, words: string): Promise<void> {
  const outcome = await store.changeSettings(1, () => ({
    kind: 'change',
    changes: [{ rack: '', key: 'boot.kernel_params', value: words }],
    events: [],
  }));
  assert.equal(outcome.kind, 'changed');
}

const kernelParams = ({ settings }: DesiredState): unknown => Reflect.get(Object(settings?.boot), 'kernel_params');

test('a state never has the version of a change with the settings from before it', () =>
  withSettings({}, async (call, place) => {
    const { region, store } = place;
    const read = store.listSettings.bind(store);
    const gate = Promise.withResolvers<void>();
    await setElsewhere(place, 'one');
    assert.equal(kernelParams(await region.desiredState()), 'one');
    await setElsewhere(place, 'two');
    store.listSettings = async () => {
      await gate.promise;
      return await read();
    };
    const first = region.desiredState();
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    const second = region.desiredState();
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    gate.resolve();
    assert.deepEqual([kernelParams(await first), kernelParams(await second)], ['two', 'two']);

    await setElsewhere(place, 'three');
    store.listSettings = () => Promise.reject(new RackError('store-unavailable', 'away'));
    await assert.rejects(region.desiredState(), /away/);
    store.listSettings = read;
    assert.equal(kernelParams(await region.desiredState()), 'three', 'read again after a failure');

    await setElsewhere(place, 'four');
    assert.equal((await call('GET', '2.0/maas/?op=get_config&name=kernel_opts')).text, '"four"', 'shown at once');
  }));

test('several keys change together, or none of them', async () => {
  await withSettings({}, async (call) => {
    const change = async (...changes: readonly object[]) => {
      const { status, text } = await call('POST', '2.0/settings/?op=change', { changes: JSON.stringify(changes) });
      return status === 200 ? JSON.parse(text) : status;
    };
    assert.deepEqual(await change({ key: 'cluster_interfaces.lab', value: LAB }), [
      { key: 'cluster_interfaces.lab', value: { ...LAB, management: 2 } },
    ]);
    const [low, high] = ['cluster_interfaces.lab.ip_range_low', 'cluster_interfaces.lab.ip_range_high'];
    assert.equal(await change({ key: low, value: '10.20.0.210' }), 400, 'above the present end');
    const moved = [
      { key: low, value: '10.20.0.210' },
      { key: high, value: '10.20.0.230' },
    ];
    assert.deepEqual(await change(...moved), moved);
    assert.equal(await change({ key: low, value: '10.20.0.211' }, { key: 'dns.upstream', value: ['x'] }), 400);
    const [unchanged] = await change(
      { key: high, value: '10.20.0.231' },
      { key: 'boot.kernel_params', value: 'quiet' },
    );
    assert.deepEqual(unchanged, { key: high, value: '10.20.0.231' });
    assert.match((await call('GET', '2.0/settings/')).text, /"ip_range_low": ?"10\.20\.0\.210"/);
    assert.deepEqual(await change({ key: 'boot.kernel_params' }), [{ key: 'boot.kernel_params', value: null }]);
  });
});

test('a mask that is set takes the place of the network, which moves with its address, unless the change sets both', async () => {
  await withSettings({}, async (call) => {
    const key = 'cluster_interfaces.lab';
    const change = (fields: object, more = {}) => {
      const changes = Object.entries(fields).map(([field, value]) => ({ key: `${key}.${field}`, value }));
      return call('POST', '2.0/settings/?op=change', { changes: JSON.stringify(changes), ...more });
    };
    const networkOf = async () => {
      const listed = (await call('GET', '2.0/settings/')).json() as readonly { readonly value: Settings }[];
      return [listed[0]?.value.network, listed[0]?.value.ip];
    };
    const { network: _, ...others } = LAB;
    await well(set(call, key, JSON.stringify({ ...others, subnet_mask: '255.255.255.0' })));
    await well(set(call, `${key}.subnet_mask`, '"255.255.0.0"'));
    assert.deepEqual(await networkOf(), ['10.20.0.0/16', '10.20.0.1']);
    await assertRefused(set(call, `${key}.ip`, '"10.21.0.1"'), 400, /not inside .*set network or subnet_mask with it/);
    const bounds = { ip_range_low: '10.21.0.100', ip_range_high: '10.21.0.199' };
    await well(change({ ip: '10.21.0.1', subnet_mask: '255.255.255.0', ...bounds }));
    assert.deepEqual(await networkOf(), ['10.21.0.0/24', '10.21.0.1']);
    await well(change({ subnet_mask: '255.255.0.0', network: '10.21.0.0/16' }));
    assert.deepEqual(await networkOf(), ['10.21.0.0/16', '10.21.0.1']);
    const both = change({ network: '10.21.0.0/24', subnet_mask: '255.255.0.0' });
    await assertRefused(both, 400, /contradicts network/);
    await assertRefused(
      call('POST', '2.0/settings/?op=unset', { key: `${key}.subnet_mask` }),
      400,
      /nothing to remove/,
    );
    assert.deepEqual(await networkOf(), ['10.21.0.0/16', '10.21.0.1']);
  });
});

test('entries are added to a list and removed from it in the transaction of the change', async () => {
  await withSettings({ dns: { records: [] } }, async (call) => {
    const change = async (change: object) => {
      const { status, text } = await call('POST', '2.0/settings/?op=change', { changes: JSON.stringify([change]) });
      return status === 200 ? JSON.parse(text)[0].value : status;
    };
    await change({ key: 'cluster_interfaces.lab', value: LAB });
    const key = 'cluster_interfaces.lab.hosts';
    const hosts = [1, 2, 3].map((at) => ({ mac: `52:54:00:aa:00:0${at}`, ip: `10.20.0.1${at}` }));
    await Promise.all(hosts.map((host) => change({ key, add: [host] })));
    const all = await change({ key, add: [] });
    assert.deepEqual(all.map(({ ip }: { readonly ip: string }) => ip).sort(), [
      '10.20.0.11',
      '10.20.0.12',
      '10.20.0.13',
    ]);
    assert.deepEqual(await change({ key, remove: ['10.20.0.11', hosts[1]] }), [hosts[2]]);
    assert.equal(await change({ key, add: [{ mac: 'x', ip: '10.20.0.14' }] }), 400);
    assert.equal(await change({ key, remove: ['10.20.0.11'] }), 400);
    assert.equal(
      await change({ key: 'dns.records', add: [{ name: 'a', type: 'A', data: '10.20.0.9' }] }),
      409,
      'the file has it',
    );
    assert.equal(await change({ key: 'boot.release', add: ['x'] }), 400);
  });
});

test('another DHCP server that the rack has seen is returned as foreign_dhcp_ip while it is there', () =>
  withSettings({}, async (call, { region }) => {
    await call('POST', `${INTERFACES}?op=new`, AS_IN_THE_GUIDE);
    const own = { uuid: UUID, name: 'rack', version: '1.0.0', pinned: [] };
    const seen = { ...rackInterface('10.20.0.0/24'), name: 'eth0', foreign_dhcp_ip: '10.20.0.66' };
    await region.racks.putOwn({ ...own, interfaces: [seen] });
    assert.match((await call('GET', `${INTERFACES}eth0/`)).text, /"foreign_dhcp_ip":\s*"10\.20\.0\.66"/);
    assert.match((await call('GET', `${INTERFACES}?op=list`)).text, /"foreign_dhcp_ip":\s*"10\.20\.0\.66"/);
    await region.racks.putOwn({ ...own, interfaces: [{ ...seen, foreign_dhcp_ip: undefined }] });
    assert.doesNotMatch((await call('GET', `${INTERFACES}eth0/`)).text, /foreign/);
  }));
