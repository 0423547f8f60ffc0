// Every configuration value under the name that MAAS has for it: it is checked, stored, read back and used; or refused, if Rackboot lacks what it is
// for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveFile } from '../../../src/config/resolve-file.ts';
import { RECORD_TTL } from '../../../src/dns/zones.ts';
import type { Settings } from '../../../src/machines/settings.ts';
import { CONFIG_NAMES } from '../../../src/region/api/site/maas-config-names.ts';
import { SESSION_MS_MAX } from '../../../src/region/page/frame/sessions.ts';
import { RUNS_MAX } from '../../../src/region/records/script-store.ts';
import { assertStatus } from '../../support/answered.ts';
import { type AskedApi, withAskedApi } from '../asked-api.ts';
import { enlist, report } from '../place.ts';

const setter =
  ({ ask }: AskedApi) =>
  (name: string, value: string) =>
    ask('POST', '2.0/maas/?op=set_config', { name, value });
const getter =
  ({ ask }: AskedApi) =>
  async (name: string) =>
    (await ask('GET', `1.0/maas/?op=get_config&name=${name}`)).json;

/** A valid value of each name, the value then read, the stored settings, and values that are refused. */
const VALUES: Readonly<Record<string, { set: string; read: unknown; stored: Settings; refused: readonly string[] }>> = {
  boot_images_auto_import: {
    set: 'false',
    read: false,
    stored: { region: { import_every: 'no' } },
    refused: ['maybe'],
  },
  commissioning_distro_series: {
    set: 'trixie',
    read: 'trixie',
    stored: { boot: { release: 'trixie' } },
    refused: ['a b'],
  },
  completed_intro: { set: 'true', read: true, stored: { region: { first_run_done: true } }, refused: ['perhaps', ''] },
  default_distro_series: {
    set: 'noble',
    read: 'noble',
    stored: { deployment: { release: 'noble' } },
    refused: ['A/b'],
  },
  default_min_hwe_kernel: {
    set: 'hwe-24.04',
    read: 'hwe-24.04',
    refused: ['newest', 'linux-6.8'],
    stored: { deployment: { kernel: 'hwe-24.04' } },
  },
  default_osystem: { set: 'ubuntu', read: 'ubuntu', stored: { deployment: { osystem: 'ubuntu' } }, refused: ['U U'] },
  dns_trusted_acl: {
    set: '10.9.0.0/16, 10.8.0.0/16',
    read: '10.9.0.0/16 10.8.0.0/16',
    refused: ['everyone'],
    stored: { dns: { allow_recursion: ['10.9.0.0/16', '10.8.0.0/16'] } },
  },
  dnssec_validation: { set: 'no', read: 'no', stored: { dns: { dnssec_validation: 'no' } }, refused: ['auto'] },
  enable_http_proxy: { set: 'false', read: false, stored: { enable_http_proxy: false }, refused: ['perhaps', ''] },
  enlistment_domain: {
    set: 'lab.example',
    read: 'lab.example',
    stored: { dns: { domain: 'lab.example' } },
    refused: ['-'],
  },
  http_proxy: {
    set: 'http://10.20.0.1:8000/',
    read: 'http://10.20.0.1:8000/',
    refused: ['squid', 'http://a:b@c/'],
    stored: { http_proxy: 'http://10.20.0.1:8000/' },
  },
  kernel_opts: {
    set: 'console=ttyS4',
    read: 'console=ttyS4',
    stored: { boot: { kernel_params: 'console=ttyS4' } },
    refused: ['a || b'],
  },
  maas_name: { set: 'Hall 1', read: 'Hall 1', stored: { region: { name: 'Hall 1' } }, refused: ['x'.repeat(65)] },
  main_archive: {
    set: 'http://mirror/ubuntu',
    read: 'http://mirror/ubuntu',
    refused: ['ftp://mirror/'],
    stored: { preseeds: { ubuntu_mirror: 'http://mirror/ubuntu' } },
  },
  ntp_servers: {
    set: 'ntp.ubuntu.com 10.20.0.2',
    read: 'ntp.ubuntu.com 10.20.0.2',
    refused: ['10.20.0.300', 'ntp_1.example'],
    stored: { dhcp: { options: [{ name: 'ntp-servers', value: ['ntp.ubuntu.com', '10.20.0.2'] }] } },
  },
  ports_archive: {
    set: 'http://mirror/ports',
    read: 'http://mirror/ports',
    refused: ['x'],
    stored: { preseeds: { ubuntu_ports_mirror: 'http://mirror/ports' } },
  },
  upstream_dns: {
    set: '192.0.2.1 192.0.2.2',
    read: '192.0.2.1 192.0.2.2',
    stored: { dns: { upstream: ['192.0.2.1', '192.0.2.2'] } },
    refused: ['x y'],
  },
};

test('every name is checked, stored and read back', () =>
  withAskedApi(async (api) => {
    const [set, get] = [setter(api), getter(api)];
    assert.deepEqual(Object.keys(CONFIG_NAMES).sort(), Object.keys(VALUES).sort());
    for (const [name, { set: value, read, stored, refused }] of Object.entries(VALUES)) {
      for (const wrong of refused) {
        const { status } = await set(name, wrong);
        assert.equal(status, 400, `${name}=${wrong}`);
      }
      assert.deepEqual((await api.place.region.desiredState()).settings, undefined, name);
      const { status, text } = await set(name, value);
      assert.deepEqual([status, text], [200, 'OK'], `${name}: ${text}`);
      assert.deepEqual(await get(name), read, name);
      assert.deepEqual((await api.place.region.desiredState()).settings, stored, name);
      for (const { key } of (await api.ask('GET', '2.0/settings/')).json)
        await api.ask('POST', '2.0/settings/?op=unset', { key });
    }
    await assertStatus(api.ask('POST', '2.0/maas/?op=set_config', { name: 'kernel_opts', value: 'x' }, 'alice'), 403);
  }));

test('an empty value removes what has a default, once and again', () =>
  withAskedApi(async (api) => {
    const [set, get] = [setter(api), getter(api)];
    const before = await get('main_archive');
    for (const name of [
      'http_proxy',
      'maas_name',
      'main_archive',
      'ports_archive',
      'default_osystem',
      'default_distro_series',
      'default_min_hwe_kernel',
    ]) {
      await set(name, VALUES[name]?.set ?? '');
      for (let count = 0; count < 2; count += 1) assert.equal((await set(name, '')).text, 'OK', name);
    }
    assert.equal(await get('main_archive'), before);
    for (const name of ['default_osystem', 'default_distro_series', 'default_min_hwe_kernel'])
      assert.equal(await get(name), '', name);
    assert.deepEqual((await api.place.region.desiredState()).settings, undefined);
    assert.equal((await set('ntp_servers', '10.20.0.1')).text, 'OK');
    assert.equal((await set('ntp_servers', '')).text, 'OK');
    assert.equal(await get('ntp_servers'), null);
    assert.deepEqual([await get('enable_http_proxy'), await get('boot_images_auto_import')], [true, true]);
  }));

test('a wrong value is refused under the name of its parameter, and the page shows which key it has', () =>
  withAskedApi(async (api) => {
    const set = setter(api);
    const named = await set('ntp_servers', '10.0.0.1 ntp_1.example.org');
    assert.deepEqual([named.status, Object.keys(named.json)], [400, ['value']]);
    assert.match(
      named.json.value[0],
      /expected an IPv4 address, or the name of a server .* found "ntp_1\.example\.org"/,
    );
    for (const [name, value, key] of [
      ['upstream_dns', 'x y', 'dns.upstream'],
      ['http_proxy', 'squid', 'http_proxy'],
      ['kernel_opts', 'a || b', 'boot.kernel_params'],
    ] as const) {
      const { json } = await set(name, value);
      assert.deepEqual(Object.keys(json), ['value'], name);
      assert.ok(json.value.join().includes(key), json.value.join());
    }
  }));

test('a default system is a text even if there is none, and ntp_server of MAAS 1 is the same as ntp_servers', () =>
  withAskedApi(async (api) => {
    const [set, get] = [setter(api), getter(api)];
    for (const name of ['default_osystem', 'default_distro_series']) {
      assert.equal(await get(name), '', name);
      await set(name, 'noble');
      await set(name, await get(name));
      assert.equal(await get(name), 'noble', name);
    }
    assert.equal((await set('ntp_server', '10.20.0.1')).text, 'OK');
    assert.deepEqual([await get('ntp_server'), await get('ntp_servers')], ['10.20.0.1', '10.20.0.1']);
  }));

test('NTP servers keep the other options of DHCP', () =>
  withAskedApi(async (api) => {
    const other = { code: 26, value: 1400 };
    const old = { code: 42, value: ['10.20.0.9'] };
    const value = JSON.stringify([other, old]);
    await api.ask('POST', '2.0/settings/?op=set', { key: 'dhcp.options', value });
    assert.equal(await getter(api)('ntp_servers'), '10.20.0.9');
    await setter(api)('ntp_servers', 'ntp.example.org');
    assert.deepEqual(api.place.region.settings.ntpServers(), ['ntp.example.org']);
    await setter(api)('ntp_servers', '10.20.0.1');
    const { settings } = await api.place.region.desiredState();
    assert.deepEqual(settings, { dhcp: { options: [other, { name: 'ntp-servers', value: ['10.20.0.1'] }] } });
  }));

test('a machine gets no proxy while it is switched off, and keeps the proxy of the file otherwise', () => {
  const proxyOf = (written: Settings) => {
    const parsed = resolveFile({ values: { name: 'rack', ...written }, findLine: () => undefined }, {});
    return parsed.ok ? parsed.config.region.install?.httpProxy : assert.fail(JSON.stringify(parsed.problems));
  };
  const http_proxy = 'http://10.20.0.1:8000/';
  assert.equal(proxyOf({ http_proxy }), http_proxy);
  assert.equal(proxyOf({ http_proxy, enable_http_proxy: false }), '');
  assert.equal(proxyOf({ enable_http_proxy: true }), '');
});

test('a deployment that names no system gets the one of the machine, else that of the site', () =>
  withAskedApi(async (api) => {
    const { region, store } = api.place;
    const { systemId } = await enlist(region, report([0x525400000001]));
    await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: { status: 'ready' }, events: [] }));
    await store.life.addSshKey(
      { username: 'admin', key: 'ssh-ed25519 A', createdMs: 1 },
      ...([
        9,
        { type: 'AUTHORISATION', code: 'ssh-key-added', params: { user: 'admin' }, atMs: 1, username: '' },
      ] as const),
    );
    const deploy = async () => (await api.ask('POST', `2.0/machines/${systemId}/?op=deploy`, {})).text;
    await setter(api)('default_distro_series', 'noble');
    assert.match(await deploy(), /no image of noble for/);
    await setter(api)('default_osystem', 'ubuntu');
    assert.match(await deploy(), /no image of ubuntu\/noble for/);
    const fields = { osystem: 'debian', release: 'trixie' };
    await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields, events: [] }));
    assert.match(await deploy(), /no image of debian\/trixie for/);
  }));

test('a setting of MAAS that has one value here is read as that value, and takes that value only', () =>
  withAskedApi(async (api) => {
    const [set, get] = [setter(api), getter(api)];
    for (const [name, value, same, other, why] of [
      ['network_discovery', 'enabled', ['enabled'], 'disabled', /always note the hosts that they hear/],
      ['active_discovery_interval', 0, ['0'], '10800', /scan when you want to know/],
      ['enable_analytics', false, ['false', 'False', '0'], 'true', /metrics are always at \/metrics/],
      ['prometheus_enabled', true, ['true', '1'], 'false', /metrics are always at \/metrics/],
      ['release_notifications', false, ['false'], 'true', /news of releases/],
      ['default_storage_layout', 'flat', ['flat', ' flat '], 'lvm', /give each machine its own/],
      ['default_dns_ttl', RECORD_TTL, ['30'], '300', /give a name its own/],
      ['session_length', SESSION_MS_MAX / 1000, ['604800'], '1209600', /after 7 days/],
      ['max_node_testing_results', RUNS_MAX, ['10'], '11', /its last 10 runs/],
      ['remote_syslog', null, ['', ' '], '10.0.0.1:514', /a syslog server of its own/],
      ['ntp_external_only', true, ['true'], 'false', /an NTP server of its own/],
      ['allow_only_trusted_transfers', true, ['true'], 'false', /AXFR and IXFR are always refused/],
    ] as const) {
      assert.deepEqual(await get(name), value, name);
      for (const text of same) assert.deepEqual([(await set(name, text)).text], ['OK'], `${name}=${text}`);
      const refused = await set(name, other);
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['value']], name);
      assert.match(refused.json.value[0], why);
      assert.ok(refused.json.value[0].startsWith(`${name} is always `), refused.text);
      assert.deepEqual(await get(name), value, name);
    }
  }));

test('a setting of MAAS for something that Rackboot lacks is refused, and says what is lacking', () =>
  withAskedApi(async (api) => {
    for (const [name, said] of [
      ['maas_proxy_port', /does not have a proxy of its own: set http_proxy/],
      ['node_timeout', /each state has its own/],
      ['maas_internal_domain', /does not have this network setting/],
      ['theme', /does not have this page setting/],
    ] as const) {
      for (const answer of [
        await setter(api)(name, 'x'),
        await api.ask('GET', `2.0/maas/?op=get_config&name=${name}`),
      ]) {
        assert.deepEqual([answer.status, Object.keys(answer.json)], [400, ['name']]);
        assert.match(answer.json.name[0], said);
        assert.ok(answer.json.name[0].startsWith(`${name} is a setting of MAAS, but `), answer.text);
      }
    }
    const unknown = (await setter(api)('http_prox', 'x')).json;
    assert.match(unknown.name[0], /is not a valid config setting .*Did you mean http_proxy\?/);
  }));

test('a value of characters that nobody sees is refused, and unsets nothing; an empty or blank one unsets', () =>
  withAskedApi(async (api) => {
    const [set, get] = [setter(api), getter(api)];
    for (const [name, value] of [
      ['http_proxy', 'http://10.20.0.1:8000/'],
      ['upstream_dns', '192.0.2.53'],
      ['main_archive', 'http://mirror/ubuntu'],
    ] as const) {
      await assertStatus(set(name, value), 200, name);
      for (const odd of ['\u2028', ' \u2029 ', '\u00a0', '\ufeff', '\u3000']) {
        const { status, json } = await set(name, odd);
        assert.deepEqual([status, Object.keys(json)], [400, ['value']], name);
      }
      assert.equal(await get(name), value);
      await assertStatus(set(name, ' \t'), 200, name);
      assert.notEqual(await get(name), value);
    }
  }));
