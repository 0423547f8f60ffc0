// Another user of the rack's own host gets no secret and no machine's request: not from the files and sockets of the state directory, and not
// by listening on the rack's ports before the region does, or while it is down. Real sockets on loopback, by root.
// @host waits

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { AS_NOBODY, readableCheckout } from '../support/another-user.ts';
import { endProgram } from '../support/child.ts';
import { missing } from '../support/needs.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';

const PLACE = labPlace(53);
const ADDRESS = `${PLACE.octets}.1`;
const VERSION = `http://${ADDRESS}:${PLACE.httpPort}/MAAS/api/version/`;
const REGION = `127.0.0.1:${PLACE.regionPort}`;
/** The region's port, at its own address and at the one where machines reach the rack. */
const REGIONS = [REGION, `${ADDRESS}:${PLACE.regionPort}`];
/** The customary port of package proxies. */
const PROXY = `${ADDRESS}:8000`;

/** Prints each of its arguments that it can read, list, or connect to. */
const OPEN = `
import { openSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
for (const [kind, path] of JSON.parse(process.argv[1])) {
  const opened = () => console.log('opened ' + path);
  try {
    if (kind === 'socket') connect(path).on('connect', opened).on('error', () => undefined).unref();
    else if (openSync(path, 'r') > 0) opened();
  } catch {}
}
setTimeout(() => console.log('tried'), 500);
`;

/**
 * Once the boot port listens, takes each port as soon as it is free, and asks the boot port without a pause. Prints the ports that it holds, and
 * whatever is sent to it.
 */
const STAND = `
import { connect, createServer } from 'node:net';
const [version, ...ports] = process.argv.slice(1);
const { hostname, port } = new URL(version);
const take = (place) => {
  const [host, at] = place.split(':');
  const server = createServer((socket) => {
    console.log('connection at ' + place);
    socket.on('data', (bytes) => {
      console.log('received ' + JSON.stringify(bytes.toString('latin1')));
      socket.end('HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n');
    }).on('error', () => undefined);
  });
  server.on('error', () => setTimeout(take, 2, place));
  server.listen({ host, port: Number(at), exclusive: true }, () => console.log('holds ' + place));
};
const ask = () => fetch(version).then((answer) => answer.text()).catch(() => undefined).then(() => setTimeout(ask, 10));
const begin = () =>
  connect({ host: hostname, port: Number(port) })
    .on('connect', function () { this.destroy(); ports.forEach(take); ask(); })
    .on('error', () => setTimeout(begin, 1));
begin();
`;

/** A program that another user runs. */
class Intruder {
  readonly #child: ChildProcess;
  #printed = '';

  constructor(program: string, ...args: readonly string[]) {
    const { node } = readableCheckout();
    const [command = '', ...words] = [...AS_NOBODY, node, '--input-type=module', '-e', program, '--', ...args];
    const { NODE_COMPILE_CACHE: _, ...env } = process.env;
    this.#child = spawn(command, words, { cwd: '/', env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child.stdout?.on('data', (bytes: Buffer) => {
      this.#printed += bytes.toString('utf8');
    });
  }

  get lines(): readonly string[] {
    return this.#printed.split('\n').filter((line) => line !== '');
  }

  prints(line: string): Promise<true> {
    return eventually(`${line}, of another user`, () => this.lines.includes(line) || undefined);
  }

  /** All that it saw, once it was ended. */
  async end(): Promise<readonly string[]> {
    await endProgram(this.#child, 'SIGKILL');
    return this.lines;
  }
}

describe('another user of the rack’s host', { skip: missing('linux', 'root', 'setpriv') }, () => {
  let rack: RunningRack;
  let hostname = '';
  const intruders: Intruder[] = [];
  const intrude = (...words: ConstructorParameters<typeof Intruder>): Intruder => {
    const intruder = new Intruder(...words);
    intruders.push(intruder);
    return intruder;
  };
  before(async () => {
    rack = new RunningRack(PLACE);
    // As open as the directories of a careless operator.
    for (const directory of [rack.directory, rack.stateDir]) chmodSync(directory, 0o755);
    await rack.startWhole();
    assert.equal((await bootSimulatedMachine(PLACE, 0, () => undefined)).kind, 'enlisted');
    const [machine] = machinesShape.parse(await rack.ask('/MAAS/api/2.0/machines/'));
    hostname = machine?.hostname ?? '';
  });
  after(async () => {
    for (const intruder of intruders) await intruder.end();
    await rack?.remove();
  });

  test('another user opens no file and no socket of the state directory', async () => {
    // Has the socket of the images opened.
    await rack.well('images', 'fsck');
    const tried = readdirSync(rack.stateDir, { recursive: true, encoding: 'utf8' })
      .map((name) => join(rack.stateDir, name))
      .map((path) => [lstatSync(path), path] as const)
      .filter(([stats]) => !stats.isDirectory())
      .map(([stats, path]) => [stats.isSocket() ? 'socket' : 'file', path]);
    const names = tried.map(([kind, path = '']) => `${kind} ${path.slice(rack.stateDir.length + 1)}`);
    for (const name of [
      'file region.db',
      'file leases.db',
      'socket region.sock',
      'socket rack.sock',
      'socket images.sock',
    ])
      assert.ok(names.includes(name), `${name}: ${names}`);
    const intruder = intrude(OPEN, JSON.stringify([['file', rack.configFile], ...tried]));
    await intruder.prints('tried');
    assert.deepEqual(await intruder.end(), [`opened ${rack.configFile}`, 'tried'], 'the configuration has no secret');
  });

  test('another user who waits for the region’s port at each start receives nothing', async () => {
    await rack.stop();
    const from = rack.lines.length;
    const intruder = intrude(STAND, VERSION, ...REGIONS, PROXY);
    try {
      await rack.start();
      await Promise.race([intruder.prints(`holds ${REGION}`), rack.reported('region.up', { from })]);
      for (let count = 0; count < 20; count += 1) await (await fetch(VERSION)).text();
    } finally {
      const seen = await intruder.end();
      assert.deepEqual(
        seen.filter((line) => !line.startsWith('holds ')),
        [],
      );
    }
    await rack.reported('region.up', { from, limitMs: 60_000 });
  });

  test('another user at the region’s ports receives nothing while the region is down, and is not a proxy', async () => {
    await rack.stop();
    const database = join(rack.stateDir, 'region.db');
    const whole = readFileSync(database);
    writeFileSync(database, Buffer.from(whole).fill(0xa5, 100, 4000));
    for (const end of ['-wal', '-shm']) rmSync(`${database}${end}`, { force: true });
    const from = rack.lines.length;
    await rack.start();
    await rack.reported('region.down', { from });
    const intruder = intrude(STAND, VERSION, ...REGIONS);
    const proxy = intrude(STAND, VERSION, PROXY);
    let seen: readonly string[] = [];
    try {
      for (const place of REGIONS) await intruder.prints(`holds ${place}`);
      const headers = { 'X-Rackboot-Token': 'x'.repeat(32) };
      for (const path of ['api/version/', 'rackboot/1/job', 'metadata/latest/user-data']) {
        const { status } = await fetch(new URL(`/MAAS/${path}`, VERSION), { headers });
        assert.equal(status, 503, path);
      }
    } finally {
      seen = await intruder.end();
      writeFileSync(database, whole);
    }
    try {
      await rack.reported('region.up', { from, limitMs: 60_000 });
      await proxy.prints(`holds ${PROXY}`);
      const { output } = await rack.rackboot('preseed', 'render', hostname);
      assert.ok(output.includes('d-i mirror/http/proxy string '), output.join('\n'));
    } finally {
      seen = [...seen, ...(await proxy.end())];
    }
    assert.deepEqual(
      seen.filter((line) => !line.startsWith('holds ')),
      [],
    );
  });
});
