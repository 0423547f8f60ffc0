// The instruments of a real rack: what machines did is in the metrics, health and readiness are answered, and the listener follows the
// configuration. Real sockets on loopback, by any user.
// @host waits

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { type Family, parseExposition } from '../support/exposition.ts';
import { missing } from '../support/needs.ts';
import { askName, DhcpProbes, loadByHttp, loadByTftp } from '../support/probes.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(50);
const ADDRESS = `${PLACE.octets}.1`;
const PORT = 5249;

async function get(path: string, port = PORT, method = 'GET'): Promise<{ status: number; type: string; text: string }> {
  const answer = await fetch(`http://${ADDRESS}:${port}${path}`, { method });
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', text: await answer.text() };
}

type Families = ReadonlyMap<string, Family>;

async function scrape(): Promise<Families> {
  const { status, type, text } = await get('/metrics');
  assert.equal(status, 200);
  assert.match(type, /^text\/plain; version=0\.0\.4/);
  return parseExposition(text);
}

function sampleOf(families: Families, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const found = families
    .get(name)
    ?.samples.find((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value));
  return found?.value ?? assert.fail(`${name} ${JSON.stringify(labels)}`);
}

test('the metrics count what machines do, and no label names a machine', {
  skip: missing('linux'),
}, async () => {
  const rack = new RunningRack(PLACE);
  const probes = await DhcpProbes.open(PLACE);
  try {
    await rack.startWhole();
    const before = await scrape();
    assert.ok(await probes.leaseWithin(5000));
    probes.broadcast(Buffer.from('nonsense'));
    const loaded = await loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0');
    await loadByHttp(ADDRESS, PLACE.httpPort, '/lpxelinux.0');
    await loadByHttp(ADDRESS, PLACE.httpPort, '/absent');
    await askName(ADDRESS, PLACE.dnsPort, 'lab.maas');
    await loadByHttp('127.0.0.1', PLACE.regionPort, '/MAAS/api/2.0/machines/');

    const last: readonly (readonly [name: string, labels: Readonly<Record<string, string>>])[] = [
      ['rackboot_http_answers_total', { class: '2xx' }],
      ['rackboot_http_answers_total', { class: '4xx' }],
      ['rackboot_dhcp_messages_total', { type: 'malformed' }],
      ['rackboot_dhcp_malformed_total', { fault: 'hardware-length' }],
      ['rackboot_region_api_refusals_total', { reason: 'not-authenticated' }],
      ['rackboot_journal_records_total', {}],
    ];
    const after = await eventually('all is counted', async () => {
      const families = await scrape();
      return last.every(([name, labels]) => sampleOf(families, name, labels) > 0) ? families : undefined;
    });
    const grown = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
      sampleOf(after, name, labels) - sampleOf(before, name, labels);
    assert.equal(grown('rackboot_dhcp_messages_total', { type: 'discover' }), 1);
    assert.equal(grown('rackboot_dhcp_messages_total', { type: 'malformed' }), 1);
    assert.equal(grown('rackboot_dhcp_malformed_total', { fault: 'hardware-length' }), 1);
    assert.equal(grown('rackboot_dhcp_decisions_total', { decision: 'offer' }), 1);
    assert.equal(grown('rackboot_dhcp_decisions_total', { decision: 'ack' }), 1);
    assert.equal(sampleOf(after, 'rackboot_dhcp_leases', { state: 'bound' }), 1);
    assert.equal(sampleOf(after, 'rackboot_dhcp_range_addresses', { network: 'lab' }), 100);
    assert.equal(sampleOf(after, 'rackboot_dhcp_range_addresses_used', { network: 'lab' }), 1);
    assert.equal(grown('rackboot_tftp_requests_total'), 1);
    assert.ok(grown('rackboot_tftp_blocks_total') >= loaded.value.length / 1468);
    assert.equal(grown('rackboot_http_answers_total', { class: '2xx' }), 1);
    assert.equal(grown('rackboot_http_answers_total', { class: '4xx' }), 1);
    assert.ok(grown('rackboot_tree_slices_read_total') > 0);
    assert.ok(sampleOf(after, 'rackboot_tree_cached_bytes') >= loaded.value.length);
    assert.ok(sampleOf(after, 'rackboot_tree_files_open') > 0);
    assert.equal(grown('rackboot_dns_answers_total', { source: 'own' }), 1);
    assert.equal(grown('rackboot_journal_records_total'), 1);
    assert.equal(grown('rackboot_region_api_refusals_total', { reason: 'not-authenticated' }), 1);
    assert.equal(sampleOf(after, 'rackboot_region_state', { state: 'up' }), 1);
    assert.ok(sampleOf(after, 'rackboot_socket_receive_buffer_bytes', { server: 'dhcp' }) > 0);
    assert.ok(grown('rackboot_events_published_total') >= 4);
    assert.equal(sampleOf(after, 'rackboot_events_withheld_total'), 0);
    for (const consumer of ['log', 'uplink']) {
      assert.equal(sampleOf(after, 'rackboot_events_missed_total', { consumer }), 0);
    }
    for (const [name, { samples }] of after) {
      for (const { labels } of samples) {
        for (const [label, value] of Object.entries(labels)) {
          if (name === 'rackboot_build_info') continue;
          assert.doesNotMatch(value, /([0-9a-f]{2}:){5}|\d+\.\d+\.\d+\.\d+|\//, `${name} ${label}`);
        }
      }
    }
  } finally {
    await probes.close();
    // The client's last ACK may be lost with its socket, and an orderly end would wait for that transfer.
    await rack.kill();
    await rack.remove();
  }
});

test('health and readiness are answered, and the listener follows the configuration', {
  skip: missing('linux'),
}, async () => {
  let text = '';
  const rack = new RunningRack(PLACE, (own) => {
    text = own;
    return own;
  });
  const other = createServer();
  try {
    await rack.startWhole();
    assert.deepEqual(await get('/healthz'), { status: 200, type: 'text/plain; charset=utf-8', text: 'ok\n' });
    const ready = await get('/readyz');
    assert.equal(ready.status, 200);
    assert.deepEqual(JSON.parse(ready.text), { ready: true, notReady: [] });
    assert.equal((await get('/metrics', PORT, 'HEAD')).text, '');
    assert.equal((await get('/elsewhere')).status, 404);
    assert.equal((await get('/metrics', PORT, 'POST')).status, 405);

    // A port in use stops nothing else, and is reported once.
    await new Promise<void>((resolve) => other.listen({ host: ADDRESS, port: 5251 }, resolve));
    const listen = (...ports: number[]): string =>
      text.replace(/^metrics:.*$/m, `metrics: { listen: [${ports.map((port) => `"${ADDRESS}:${port}"`).join(', ')}] }`);
    const from = rack.lines.length;
    rack.configure(listen(5250, 5251));
    const failed = await rack.reported('metrics.failed', { from });
    assert.equal(failed.port, 5251);
    assert.equal(failed.reason, 'EADDRINUSE');
    const [problem = ''] = (await rack.status()).metricsProblems;
    assert.match(problem, /:5251 \(TCP\) is in use by node \(process \d+\); stop .*, or change metrics\.listen$/);
    await eventually('it listens elsewhere', async () => (await get('/healthz', 5250)).status === 200);
    await assert.rejects(get('/healthz'), 'and no longer where it did');
    assert.equal((await get('/readyz', 5250)).status, 200);

    rack.configure(listen());
    await eventually('it is off', () =>
      get('/healthz', 5250).then(
        () => false,
        () => true,
      ),
    );
    assert.equal((await rack.status()).interfaces.length, 1, 'the rack continues');
  } finally {
    other.close();
    await rack.remove();
  }
});
