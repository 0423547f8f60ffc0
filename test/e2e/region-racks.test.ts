// Racks and events of a running region, as people see them: registration by curl, the commands, the event log followed over a restart,
// and HTTPS with a certificate that is renewed on SIGHUP.
// @host waits

import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import {
  batchOf,
  heartbeatOf,
  OTHER_UUID,
  postEntry,
  RACK_UUID,
  rackAuthorization,
  registrationFields,
  reportEntry,
} from '../region/racks/rack-place.ts';
import { type Authority, makeAuthority } from '../support/authority.ts';
import { missing } from '../support/needs.ts';
import { eventually, RunningRack, well } from '../support/running-rack.ts';

const run = promisify(execFile);
const PLACE = labPlace(29);
const TLS_PORT = PLACE.regionPort + 1000;
const BASE = `http://127.0.0.1:${PLACE.regionPort}/MAAS`;
const LINK = `${BASE}/uplink/1/racks/${RACK_UUID}`;
const OWN = ['-H', `Authorization: ${rackAuthorization()}`];

const curl = async (...args: string[]): Promise<string> => (await run('curl', ['-sS', ...args])).stdout;

/** Posts JSON as the rack. */
const post = async (what: string, body: object): Promise<unknown> =>
  JSON.parse(await curl(...OWN, '-H', 'Content-Type: application/json', '-d', JSON.stringify(body), `${LINK}/${what}`));

function register(more: Readonly<Record<string, string>> = {}): Promise<string> {
  const fields = Object.entries(registrationFields(more));
  const data = fields.flatMap(([name, text]) => ['--data-urlencode', `${name}=${text}`]);
  return curl(
    ...data,
    '-H',
    'Accept: application/json',
    '-w',
    ' %{http_code}',
    `${BASE}/api/2.0/nodegroups/?op=register`,
  );
}

/** A program whose output is gathered as it comes. */
class Listening {
  readonly child: ChildProcess;
  text = '';
  errors = '';
  constructor(command: string, args: readonly string[]) {
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('utf8');
    });
    this.child.stderr?.on('data', (bytes: Buffer) => {
      this.errors += bytes.toString('utf8');
    });
  }
  has(pattern: RegExp, limitMs = 60_000): Promise<boolean> {
    return eventually(`${pattern} in the output`, () => pattern.test(this.text), limitMs);
  }
  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    if (this.child.exitCode === null && this.child.kill('SIGINT')) await ended;
  }
}

describe('racks and events of a running region', { skip: missing('linux', 'curl', 'openssl') }, () => {
  let rack: RunningRack;
  let authority: Authority;
  let files = { cert: '', key: '' };
  const listeners: Listening[] = [];
  const rackboot = (...args: string[]) => rack.rackboot(...args);
  const listen = (command: string, ...args: string[]): Listening => {
    const one = new Listening(command, args);
    listeners.push(one);
    return one;
  };

  before(async () => {
    rack = new RunningRack(PLACE, (text) =>
      text.replace(
        'region: {',
        `region: { tls: { cert: DIRECTORY/region.pem, key: DIRECTORY/region.key, listen: ["127.0.0.1:${TLS_PORT}"] },`,
      ),
    );
    rack.configure(readFileSync(rack.configFile, 'utf8').replaceAll('DIRECTORY', rack.directory));
    authority = makeAuthority(rack.directory, systemClock.wallTimeMs());
    files = { cert: join(rack.directory, 'region.pem'), key: join(rack.directory, 'region.key') };
    install('first');
    await rack.startWhole();
  });

  after(async () => {
    for (const one of listeners) await one.end();
    await rack.remove();
  });

  function install(name: string): void {
    const issued = authority.issue(name);
    copyFileSync(issued.cert, files.cert);
    copyFileSync(issued.key, files.key);
  }

  test('a rack registers, waits, is listed with the command to accept it, and is served once it is accepted', async () => {
    assert.match(await register(), /"pending".* 202$/);
    const waiting = await well(rackboot('racks'));
    const table = waiting;
    assert.match(table, /^lab +this host +now /m);
    assert.match(table, /^rack-2 +pending /m);
    assert.match(table, /rackboot(?:\.js)? racks accept (?:--config \S+ )?rack-2$/m);
    assert.match(await curl(...OWN, `${LINK}/state`), /rackboot racks accept rack-2/);

    const accepted = await rackboot('racks', 'accept', 'rack-2');
    assert.deepEqual([accepted.code, accepted.output], [0, ['rack-2 is accepted.']], accepted.complaints.join());
    assert.match(await register(), /"accepted".* 200$/);
    const state = JSON.parse(await curl(...OWN, `${LINK}/state`));
    assert.equal(state.machines.length, 0);
    const [own, remote] = JSON.parse((await rackboot('racks', 'list', '--json')).output.join(''));
    assert.deepEqual([own.is_embedded, remote.status], [true, 1]);
    // A second rack of that name waits, and is distinguished by its UUID.
    const token = { token: 'token-of-rack-3', secret_digest: 'ab'.repeat(32) };
    assert.match(await register({ uuid: OTHER_UUID, ...token }), /racks remove 1111.* 202$/);
    assert.match((await rackboot('racks', 'reject', 'rack-2')).complaints.join(), /2 racks are called rack-2/);
    assert.equal((await rackboot('racks', 'reject', OTHER_UUID)).code, 0);
    assert.match(await register({ uuid: OTHER_UUID, ...token }), /an administrator rejected this rack.* 403$/);
    const counted = /^rackboot_region_racks\{state="(\w+)"\} (\d+)$/gm;
    await eventually('racks are counted by their state', async () => {
      const text = await curl(`http://${PLACE.octets}.1:5249/metrics`);
      return (
        [...text.matchAll(counted)].map(([, state, count]) => `${state} ${count}`).join() ===
        'pending 0,accepted 2,rejected 1,away 0'
      );
    });
    assert.equal((await rackboot('racks', 'remove', OTHER_UUID)).code, 0);
  });

  test('reports that a rack kept for its machines arrive, and the stream of changes announces them', async () => {
    const changes = listen('curl', '-sSN', ...OWN, `${LINK}/changes`);
    await changes.has(/^id: 0\nevent: state\ndata: {"version":0}$/m);
    const kept = postEntry(2, '52:54:00:00:00:31', { bootMac: '52:54:00:00:00:31' });
    const batch = batchOf([reportEntry(1, 'a loader was fetched'), kept]);
    assert.deepEqual(await post('events', batch), { stored: 2, refused: [] });
    await changes.has(/^id: 1\nevent: state\ndata: {"version":1}$/m);
    const sha256 = 'ab'.repeat(32);
    const image = {
      os: 'debian',
      release: 'bookworm',
      architecture: 'amd64',
      subarchitecture: 'generic',
      label: 'release',
      serial: '20260101',
      path: `/images/ab/${sha256}.img`,
      sha256,
      bytes: 512,
      diskBytes: 512,
      format: 'raw',
    };
    const answer = Object(await post('heartbeat', heartbeatOf({ images: [image, 'odd'] })));
    assert.deepEqual([typeof answer.version, answer.uplink], ['string', 1]);
    const known = z
      .array(z.object({ images: z.array(z.unknown()) }))
      .parse(await rack.ask('/MAAS/api/2.0/nodegroups/'));
    assert.deepEqual(
      known.map(({ images }) => images),
      [[], [image]],
      'the region knows what the rack can deploy',
    );
    const listed = (await rackboot('racks')).output.join('\n');
    assert.match(listed, /^rack-2 +accepted +\d+ s ago .*7 waiting, 1 lost, 2 refused/m);
    const machines = machinesShape.parse(await rack.ask('/MAAS/api/2.0/machines/'));
    assert.deepEqual(
      machines.map(({ status_name }) => status_name),
      ['New'],
    );
  });

  test('the event log is read and followed, even across a restart of the region', async () => {
    const read = await rackboot('events', '--level', 'debug', '--limit', '1000');
    assert.match(read.output.join('\n'), /a loader was fetched/);
    assert.match((await rackboot('events', '--level', 'audit', '--json')).output.join(''), /accepted rack rack-2/);
    const main = join(import.meta.dirname, '../../src/main.ts');
    const events = listen(process.execPath, main, 'events', '-f', '--level', 'debug', '--config', rack.configFile);
    await events.has(/a loader was fetched/);
    await post('events', batchOf([reportEntry(3, 'before the restart')]));
    await events.has(/before the restart/);
    await rack.stop();
    await eventually('the interruption is reported', () => /trying again/.test(events.errors));
    await rack.startWhole();
    await post('events', batchOf([reportEntry(2, 'not again'), reportEntry(4, 'after the restart')]));
    await events.has(/after the restart/);
    assert.equal(events.text.match(/before the restart/g)?.length, 1);
    assert.doesNotMatch(events.text, /not again/);
  });

  test('over the API the log is a stream that continues after an id, for users only', async () => {
    const refused = await curl('-H', 'Accept: text/event-stream', '-w', ' %{http_code}', `${BASE}/api/2.0/events/`);
    assert.match(refused, / 401$/);
    const key = await rack.administrator();
    const [consumer = '', token = '', secret = ''] = key.split(':');
    const as = ['-H', `Authorization: ${rackAuthorization(token, secret).replace('"rack"', `"${consumer}"`)}`];
    const page = JSON.parse(await curl(...as, `${BASE}/api/2.0/events/?op=query&level=DEBUG&limit=1000`));
    const before: { id: number } = page.events.find(
      ({ description }: { description: string }) => description === 'before the restart',
    );
    const last = ['-H', `Last-Event-ID: ${before.id}`];
    const stream = ['-H', 'Accept: text/event-stream', `${BASE}/api/1.0/events/?level=DEBUG`];
    const events = listen('curl', '-sSN', ...as, ...last, ...stream);
    await events.has(/"description":"after the restart"/);
    assert.doesNotMatch(events.text, /before the restart/);
    const ids = [...events.text.matchAll(/^id: \d+-(\d+)$/gm)].map((match) => Number(match[1]));
    assert.ok(ids.length > 0 && ids.every((id, index) => id > (ids[index - 1] ?? before.id)));
  });
});
