// `hosts import` judges each reservation as the settings judge a change, with `--dry-run` as without; `hosts add` takes no text for a client.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { reserveHost, takeReservations } from '../../../src/cli/config/hosts.ts';
import { editConfig, setConfig } from '../../../src/cli/config/store.ts';
import { answerControl } from '../../support/control-answers.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const directory = scratchDirectory();

const NETWORK =
  '{ interface: lo, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.199 }';
const RESERVATIONS = [
  { mac: '52:54:00:00:01:01', ip: '10.20.0.1', hostname: 'own' },
  { mac: '52:54:00:00:01:02', ip: '10.20.0.255' },
  { mac: '52:54:00:00:01:03', ip: '10.20.0.50', hostname: 'ok' },
  { mac: '52:54:00:00:01:03', ip: '10.20.0.51', hostname: 'twice' },
  { circuit_id: 'port7', ip: '10.20.0.52', hostname: 'ok' },
  { mac: '52:54:00:00:01:05', ip: '10.21.0.52' },
];

test('a dry run names those that the run takes, and the reasons for the others', async () => {
  const config = join(directory, 'rack.yaml');
  writeFileSync(config, `name: rack-1\nstate_dir: ${join(directory, 'state')}\n`);
  await setConfig({ config, pairs: ['cluster_interfaces.lo', NETWORK], replace: false });
  await editConfig({ config }, 'add', 'cluster_interfaces.lo.hosts', [{ mac: '52:54:00:00:01:09', ip: '10.20.0.9' }]);
  const dry = await takeReservations(config, RESERVATIONS, true);
  assert.deepEqual(dry.taken, [
    { mac: '52:54:00:00:01:03', ip: '10.20.0.50', hostname: 'ok' },
    { circuit_id: 'port7', ip: '10.20.0.52' },
  ]);
  assert.deepEqual([dry.skipped.length, dry.incomplete.length], [4, 1]);
  for (const reason of [
    /the rack's own address/,
    /no client can have/,
    /reserved differently/,
    /in none of the networks/,
  ])
    assert.equal(dry.skipped.filter((line) => reason.test(line)).length, 1, String(reason));
  assert.deepEqual(await takeReservations(config, RESERVATIONS, false), dry);
  const again = await takeReservations(config, RESERVATIONS, false);
  assert.deepEqual([again.taken, again.skipped.length], [[], 4]);
  const add = (client: string, ip: string, hostname?: string) =>
    reserveHost({ config, json: false, client, ip, hostname });
  await assert.rejects(add('printer', '10.20.0.10'), /client_id=printer/);
  await assert.rejects(add('52:54:00:00:01:07', '10.20.0.10', 'OK'), /name of 10\.20\.0\.50/);
  assert.equal(await add('client_id=printer', '10.20.0.10', 'printer'), 0);
  for (const [client, ip] of [
    ['52:54:00:00:01:08', '10.20.0.10'],
    ['client_id=printer', '10.20.0.11'],
  ] as const)
    await assert.rejects(
      add(client, ip),
      /^RackError: 10\.20\.0\.10 is kept for client_id printer already; .*hosts remove 10\.20\.0\.10$/,
    );
  await assert.rejects(add('52-54-00-00-01-03', '10.20.0.11'), /10\.20\.0\.50 is kept for 52:54:00:00:01:03 already/);
});

test('a reservation takes no name of the rack, a record, or another machine', async (t) => {
  const config = join(directory, 'named.yaml');
  const record = (name: string, type: string, data: string) => `{ name: ${name}.maas, type: ${type}, data: ${data} }`;
  const records = [record('web', 'A', '10.20.0.10'), record('www', 'CNAME', 'web.maas'), record('note', 'TXT', 'x')];
  const file = (name: string) =>
    `name: rack-1\nstate_dir: ${join(directory, name)}\ndns: { records: [${records.join(', ')}] }\n`;
  writeFileSync(config, file('named'));
  await setConfig({ config, pairs: ['cluster_interfaces.lo', NETWORK], replace: false });
  const add = (ip: string, hostname: string, mac = `52:54:00:00:02:${ip.slice(-2)}`, at = config) =>
    reserveHost({ config: at, json: false, client: mac, ip, hostname });
  await assert.rejects(add('10.20.0.16', 'web'), /web\.maas is the name of the record of 10\.20\.0\.10/);
  await assert.rejects(add('10.20.0.16', 'WWW'), /name of the CNAME record/);
  await assert.rejects(add('10.20.0.16', 'rack-1'), /name of the rack/);
  assert.equal(await add('10.20.0.10', 'web'), 0, 'the record has the same address');
  assert.equal(await add('10.20.0.17', 'note'), 0);
  const wanted = ['rack-1', 'www', 'fine'].map((hostname, at) => ({
    mac: `52:54:00:00:03:0${at}`,
    ip: `10.20.0.6${at}`,
    hostname,
  }));
  const { taken, incomplete } = await takeReservations(config, wanted, true);
  assert.deepEqual(
    taken.map(({ hostname }) => hostname),
    [undefined, undefined, 'fine'],
  );
  assert.match(incomplete.join('\n'), /rack-1\.maas, which the rack has\n.*www\.maas, which the CNAME record/);

  const mac = '52:54:00:00:04:01';
  const machine = { fqdn: 'dep.maas', interface_set: [{ name: 'eth0', mac_address: mac }] };
  const range = { ip_range_low: '10.20.0.100', ip_range_high: '10.20.0.199' };
  const lan = { name: 'lo', interface: 'lo', ip: '10.20.0.1', network: '10.20.0.0/24', ...range };
  const values = { name: 'rack-1', state_dir: '', cluster_interfaces: [lan] };
  const running = await answerControl(t, {
    '/config': { uuid: 'u', file: 'f', values, stored: {}, refused: null },
    '/MAAS/api/2.0/machines/': [machine],
    '/MAAS/api/2.0/settings/?op=change': {},
  });
  values.state_dir = dirname(running.config);
  await assert.rejects(add('10.20.0.18', 'dep', undefined, running.config), /name of the machine dep\.maas/);
  await assert.rejects(
    add('10.20.0.18', 'dep', mac, running.config),
    (error: Error) => !/is the name/.test(error.message),
  );
});
