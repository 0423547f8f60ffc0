// Machines are switched: ipmitool against a BMC of OpenIPMI, webhooks against a server that does its worst.
// @host waits

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { type PowerCommand, performCommand } from '../../src/power/command.ts';
import type { PowerDeps, PowerPort } from '../../src/power/driver.ts';
import { findDriver } from '../../src/power/drivers.ts';
import type { PowerOutcome } from '../../src/power/outcome.ts';
import type { PowerValues } from '../../src/power/parameters.ts';
import { makeAuthority } from '../support/authority.ts';
import { portOf } from '../support/listening-port.ts';
import { freeUdpPort, LoopbackBmc, startSwallowingRelay } from '../support/loopback-bmc.ts';
import { missing } from '../support/needs.ts';
import { spoken, textOf } from '../support/sentences.ts';

const surroundings = { clock: systemClock, sshIdentity: () => Promise.reject(new Error('no key here')) };
const noSignal = (): AbortSignal => new AbortController().signal;

function open(driver: string, values: PowerValues, means: PowerDeps = surroundings): PowerPort {
  const opened = findDriver(driver)?.open('abc', values, means);
  assert.ok(opened?.kind === 'open', JSON.stringify(opened));
  return opened.port;
}

const perform = (port: PowerPort, command: PowerCommand): Promise<PowerOutcome> =>
  performCommand(port, command, { clock: systemClock, signal: noSignal() });

// In parallel: most of the time is waiting for servers that do not answer.
describe('power', { concurrency: true }, () => {
  describe('ipmi', { skip: missing('linux', 'ipmi_sim', 'ipmitool'), concurrency: true }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-power-'));
    const password = 's3cret-$x"';
    const starting = LoopbackBmc.start(directory, [
      { name: 'maas', password: 's3cret-$x', level: 'operator' },
      { name: 'guest', password: 'guest', level: 'user' },
    ]);
    const values = async (more: PowerValues = {}): Promise<PowerValues> => {
      const { port } = await starting;
      return { power_address: `127.0.0.1:${port}`, power_user: 'maas', power_pass: 's3cret-$x', ...more };
    };
    after(async () => {
      await (await starting).stop();
      rmSync(directory, { recursive: true, force: true });
    });

    test('a machine is queried, started from the network, restarted, and switched off', async () => {
      const bmc = await starting;
      const port = open('ipmi', await values({ power_boot_type: 'efi' }));
      assert.deepEqual(await port.query(noSignal()), {
        kind: 'done',
        state: 'off',
        detail: spoken('Chassis Power is off'),
      });
      const started = await perform(port, { kind: 'on', netboot: true });
      assert.deepEqual(
        [started.kind, started.state, bmc.power, bmc.boot],
        ['done', 'on', 'on', 'pxe'],
        textOf(started),
      );
      const cycled = await perform(port, { kind: 'cycle', netboot: true });
      assert.deepEqual([cycled.kind, cycled.state, bmc.power], ['done', 'on', 'on'], textOf(cycled));
      assert.deepEqual(bmc.changes, ['boot pxe', 'power 1', 'power 0', 'boot pxe', 'power 1']);
      const asked = await perform(port, { kind: 'off', manner: 'soft' });
      assert.deepEqual([asked.kind, textOf(asked)], ['done', 'Chassis Power Control: Soft']);
      const ended = await perform(port, { kind: 'off', manner: 'hard' });
      assert.deepEqual([ended.kind, ended.state, bmc.power], ['done', 'off', 'off'], textOf(ended));
      const old = open('ipmi', await values({ power_driver: 'LAN' }));
      assert.equal((await old.query(noSignal())).state, 'off');
    });

    for (const driver of ['LAN_2_0', 'LAN']) {
      test(`${driver}: a wrong password and an unknown user are wrong credentials, and are not shown`, async () => {
        for (const more of [{ power_pass: password }, { power_user: 'nobody' }]) {
          const answer = await open('ipmi', await values({ power_driver: driver, ...more })).query(noSignal());
          assert.equal(answer.kind, 'wrong-credentials', textOf(answer));
          assert.ok(!textOf(answer).includes('s3cret'), textOf(answer));
        }
      });
    }

    test('a user without the privilege is refused', async () => {
      const guest = { power_user: 'guest', power_pass: 'guest', privilege_level: 'USER' };
      const answer = await open('ipmi', await values(guest)).on(noSignal());
      assert.equal(answer.kind, 'refused', textOf(answer));
      assert.match(textOf(answer), /Insufficient privilege level/);
    });

    test('a cipher suite that the BMC does not know is refused', async () => {
      const answer = await open('ipmi', await values({ cipher_suite_id: 17 })).query(noSignal());
      assert.equal(answer.kind, 'refused', textOf(answer));
    });

    test('an absent BMC is unreachable', async () => {
      const address = `127.0.0.1:${await freeUdpPort()}`;
      const answer = await perform(open('ipmi', await values({ power_address: address })), {
        kind: 'on',
        netboot: true,
      });
      assert.equal(answer.kind, 'unreachable', textOf(answer));
    });

    test('a BMC that stops answering after the command leaves it unknown', async () => {
      // Nine datagrams log in and query the BMC; the tenth is the command.
      const relay = await startSwallowingRelay((await starting).port, 9);
      try {
        const port = open('ipmi', await values({ power_address: `127.0.0.1:${relay.port}` }));
        const answer = await port.on(noSignal());
        assert.equal(answer.kind, 'unknown', textOf(answer));
      } finally {
        relay.stop();
      }
    });

    test('an abort ends ipmitool', async () => {
      const port = open('ipmi', await values({ power_address: `127.0.0.1:${await freeUdpPort()}` }));
      const stop = new AbortController();
      const asked = port.on(stop.signal);
      systemClock.schedule(300, () => stop.abort());
      assert.equal((await asked).kind, 'unknown');
    });
  });

  interface Answering {
    readonly server: Server;
    readonly origin: string;
    readonly seen: { readonly method: string; readonly url: string; readonly headers: IncomingMessage['headers'] }[];
  }

  async function serve(
    answer: RequestListener,
    tls?: { readonly key: string; readonly cert: string },
  ): Promise<Answering> {
    const seen: Answering['seen'] = [];
    const listener: RequestListener = (request, response) => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
      answer(request, response);
    };
    const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = portOf(server);
    after(() => {
      server.closeAllConnections();
      server.close();
    });
    return { server, origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, seen };
  }

  const hooks = (origin: string, more: PowerValues = {}): PowerValues => ({
    power_on_uri: `${origin}/on`,
    power_off_uri: `${origin}/off`,
    power_query_uri: `${origin}/state`,
    ...more,
  });

  describe('webhook', { concurrency: true }, () => {
    test('a machine is switched on and off by POST, queried by GET, with its credentials', async () => {
      let state = 'stopped';
      const { origin, seen } = await serve((request, response) => {
        if (request.url === '/on') state = 'running';
        if (request.url === '/off') state = 'stopped';
        response.end(JSON.stringify({ status: state }));
      });
      const port = open('webhook', hooks(origin, { power_user: 'u', power_pass: 'p w' }));
      const started = await perform(port, { kind: 'on', netboot: true });
      assert.deepEqual([started.kind, started.state], ['done', 'on'], textOf(started));
      const ended = await perform(port, { kind: 'off', manner: 'hard' });
      assert.deepEqual([ended.kind, ended.state], ['done', 'off'], textOf(ended));
      assert.deepEqual(
        seen.map(({ method, url }) => `${method} ${url}`),
        ['POST /on', 'GET /state', 'POST /off', 'GET /state'],
      );
      assert.equal(seen[0]?.headers.authorization, `Basic ${Buffer.from('u:p w').toString('base64')}`);
      assert.equal(seen[0]?.headers.system_id, 'abc');
      assert.equal(seen[0]?.headers['content-type'], undefined);
      await open('webhook', hooks(origin, { power_user: 'u', power_pass: 'p', power_token: 't' })).query(noSignal());
      assert.equal(seen.at(-1)?.headers.authorization, 'Bearer t');
    });

    test('a query follows a redirect only within its server; a change follows none', async () => {
      const other = await serve((_request, response) => response.end('status: running'));
      const { origin, seen } = await serve((request, response) => {
        if (request.url === '/here') return void response.end('status: running');
        const place = request.url === '/state' ? '/here' : `${other.origin}/x`;
        response.writeHead(request.url === '/off' ? 302 : 307, { Location: place }).end();
      });
      const port = open('webhook', hooks(origin, { power_token: 'hunter2' }));
      const started = await port.on(noSignal());
      assert.equal(started.kind, 'refused');
      assert.match(textOf(started), /HTTP 307 redirects elsewhere/);
      assert.equal((await port.off?.('hard', noSignal()))?.kind, 'refused');
      assert.equal((await port.query(noSignal())).state, 'on');
      assert.equal(other.seen.length, 0);
      assert.equal(seen.length, 4);
    });

    test('a server that redirects forever is refused', async () => {
      const { origin, seen } = await serve((_request, response) =>
        response.writeHead(302, { Location: '/state' }).end(),
      );
      assert.equal((await open('webhook', hooks(origin)).query(noSignal())).kind, 'refused');
      assert.equal(seen.length, 4);
    });

    test('an answer without end is cut', async () => {
      const { origin } = await serve((_request, response) => {
        response.write('status: running ');
        const more = (): void => {
          while (response.write('x'.repeat(16_384)));
        };
        response.on('drain', more);
        more();
      });
      const answer = await open('webhook', hooks(origin)).query(noSignal());
      assert.deepEqual([answer.kind, answer.state], ['done', 'on']);
      assert.ok(textOf(answer).length + (answer.said?.length ?? 0) < 500);
    });

    test('a server that hangs leaves a change unknown, and the query ends in time', async () => {
      const { origin } = await serve((request, response) => {
        if (request.url !== '/on') response.write('a part, and no more');
      });
      // Its time passes ten times as fast.
      const clock = { ...systemClock, schedule: (ms: number, act: () => void) => systemClock.schedule(ms / 10, act) };
      const port = open('webhook', hooks(origin), { ...surroundings, clock });
      const [on, query] = await Promise.all([port.on(noSignal()), port.query(noSignal())]);
      assert.deepEqual([on.kind, query.kind], ['unknown', 'unreachable']);
      assert.match(textOf(on), /did not answer in 20 s/);
    });

    test('a missing server is unreachable; one that disconnects in the middle leaves a change unknown', async () => {
      const nowhere = await open('webhook', hooks('http://127.0.0.1:1')).on(noSignal());
      assert.equal(nowhere.kind, 'unreachable', textOf(nowhere));
      const { origin } = await serve((request) => request.socket.destroy());
      const broken = await open('webhook', hooks(origin)).on(noSignal());
      assert.equal(broken.kind, 'unknown', textOf(broken));
    });

    test('an untrusted certificate is refused, unless checking is turned off', {
      skip: missing('openssl'),
    }, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'rackboot-power-tls-'));
      after(() => rmSync(directory, { recursive: true, force: true }));
      const { cert, key } = makeAuthority(directory, systemClock.wallTimeMs()).issue('hook');
      const tls = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
      const { origin, seen } = await serve((_request, response) => response.end('status: running'), tls);
      const refused = await open('webhook', hooks(origin)).on(noSignal());
      assert.equal(refused.kind, 'refused', textOf(refused));
      assert.match(textOf(refused), /power_verify_ssl/);
      assert.equal(seen.length, 0);
      assert.equal((await open('webhook', hooks(origin, { power_verify_ssl: 'n' })).query(noSignal())).state, 'on');
    });
  });
});
