// The files that `rackboot init` writes, read as the daemon reads them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextSteps } from '../../../src/cli/config/init.ts';
import { buildSettings, type InitAnswers, renderConfig } from '../../../src/cli/config/init-proposal.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { formatNetwork, ipv4, networkWithPrefix } from '../../../src/ground/address.ts';

const ADDRESS = ipv4(0x0a1e0001);
const ANSWERS: InitAnswers = {
  name: 'rack-2',
  stateDir: '/var/lib/rackboot',
  domain: 'maas',
  proposal: { name: 'eth1', address: ADDRESS, network: networkWithPrefix(ADDRESS, 24) },
  low: '10.30.0.100',
  high: '10.30.0.199',
  router: '-',
  upstream: '192.0.2.53',
};
const URL_OF_REGION = 'http://10.20.0.1:5240/MAAS';
const PLACE = {
  file: '/etc/rackboot/rackboot.yaml',
  isDefaultFile: true,
  tree: '/var/lib/rackboot/boot',
  pageUrl: 'http://10.30.0.1:5240/MAAS/',
  hasUnit: true,
  isRoot: true,
  program: 'rackboot',
};

test('with a remote region the file holds the network, which that region does not store, and the region instead of listeners', () => {
  const parsed = parseConfig(renderConfig({ ...ANSWERS, region: URL_OF_REGION }));
  assert.ok(parsed.ok, parsed.ok ? '' : JSON.stringify(parsed.problems));
  const { clusterInterfaces, uplink, dhcp, dns } = parsed.config;
  assert.deepEqual(
    clusterInterfaces.map(({ name, network }) => `${name} ${formatNetwork(network)}`),
    ['eth1 10.30.0.0/24'],
  );
  assert.equal(dhcp.subnets[0]?.router, undefined);
  assert.deepEqual(uplink.mode === 'remote' && uplink.urls, [URL_OF_REGION]);
  assert.equal(dns.upstream.length, 1);
});

test('with its own region the file holds no network: it goes into the store', () => {
  const parsed = parseConfig(renderConfig(ANSWERS));
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.config.clusterInterfaces, []);
  assert.equal(parsed.config.uplink.mode, 'embedded');
});

test('without a network the file is whole, and the page is where people are before there is one', () => {
  const bare = { ...ANSWERS, proposal: undefined };
  const own = parseConfig(renderConfig(bare));
  assert.ok(own.ok, own.ok ? '' : JSON.stringify(own.problems));
  assert.deepEqual(own.config.region.listen, [{ host: '0.0.0.0', port: 5240 }]);
  assert.deepEqual(own.config.clusterInterfaces, []);
  assert.deepEqual(buildSettings(bare), [{ key: 'dns.upstream', value: '192.0.2.53' }]);
  const remote = parseConfig(renderConfig({ ...bare, region: URL_OF_REGION }));
  assert.ok(remote.ok && remote.config.clusterInterfaces.length === 0 && remote.config.uplink.mode === 'remote');
});

test('the next steps of a rack with a remote region make no account, and include accepting the rack there', () => {
  const steps = nextSteps({ ...PLACE, remote: { url: URL_OF_REGION, rack: 'rack-2' } }).join('\n');
  assert.doesNotMatch(steps, /createadmin/);
  assert.match(
    steps,
    /rackboot images build[\s\S]*enable --now[\s\S]*rackboot racks accept rack-2 +on the host of http:/,
  );
  assert.match(nextSteps(PLACE).join('\n'), /createadmin/);
});
